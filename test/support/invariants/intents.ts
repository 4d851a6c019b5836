import fc from 'fast-check';
import { u64, type U64, u64FromNumber, u64FromPfn } from '../../../src/bits/u64.js';
import type { TakenRange } from '../../../src/kernel/dma/iova-space.js';
import type { Command, EndpointRef, TargetRef } from '../../../src/platform/command.js';
import type { Platform } from '../../../src/platform/platform.js';
import { lspciText } from '../lspci-text.js';
import type { Book } from './book.js';

/**
 * A command not yet bound to objects: places in the lists of what there is when it runs. So a list of them
 * means something whatever came before, and stays meaningful when a part of it is left out.
 */
export interface Intent {
  readonly verb: Command['type'];
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** How often each verb is drawn. The raw ones, which go past the kernel, are none of a kernel's rules. */
const WEIGHTS: Partial<Record<Command['type'], number>> = {
  enableFeature: 4,
  disableFeature: 2,
  createMdev: 5,
  createSoftwareMdev: 1,
  removeMdev: 2,
  removeSoftwareMdev: 1,
  allocDomain: 4,
  freeDomain: 2,
  attach: 8,
  detach: 5,
  map: 8,
  unmap: 4,
  dma: 8,
  openContainer: 3,
  closeContainer: 1,
  addGroupToContainer: 5,
  removeGroupFromContainer: 2,
  setContainerIommu: 5,
  vfioMapDma: 6,
  vfioUnmapDma: 2,
  vfioDirtyPages: 1,
  bindDriver: 2,
  unbindDriver: 2,
  svaBind: 3,
  svaUnbind: 1,
  setGroupType: 1,
  requestPage: 1,
  signalInterrupt: 1,
  dmaMap: 6,
  dmaUnmap: 4,
  openVfioDevice: 2,
  closeVfioDevice: 1,
  removeDevice: 2,
  rescanBus: 2,
  hotplugDevice: 2,
  setNumVfs: 2,
};

const verbs = Object.entries(WEIGHTS).map(([verb, weight]) => ({
  weight,
  arbitrary: fc.constant(verb as Command['type']),
}));

const place = fc.nat({ max: 999 });

export const intent: fc.Arbitrary<Intent> = fc.record({
  verb: fc.oneof(...verbs),
  a: place,
  b: place,
  c: place,
  d: place,
});

const UUIDS = [1, 2, 3, 4, 5, 6, 7].map((n) => `c0ffee0${n}-0000-4000-8000-000000000000`);
const PARENTS = ['0000:6a:01.0', '0000:6b:01.0', '0001:03:00.0'];
const FEATURES = ['AUX', 'AUX', 'AUX', 'SVA', 'IOPF'] as const;
const DRIVERS = ['vfio-pci', 'parent', 'nvme'];
const ACCESSES = ['READ', 'WRITE', 'READ', 'EXECUTE'] as const;
const TRANSLATIONS = [
  'UNTRANSLATED',
  'UNTRANSLATED',
  'DEVICE_TLB',
  'TRANSLATED',
  'TRANSLATION_REQUEST',
] as const;
const PASIDS = ['OWN', 'OWN', 'OWN', 'NONE', 1, 2, 3] as const;

/** Around the ends of tables, of large pages and of address widths; one unaligned. */
const IOVAS = [
  0, 0x1000, 0x5000, 0x200000, 0x201000, 0x3ff000, 0x400000, 0x40000000, 0x7f000000, 0xfee00000, 0x7fffffe000,
  0xffffffffd000, 0x1801,
].map(u64FromNumber);
const HIGH_IOVAS = [u64(0x01ffffff, 0xffffd000), u64(0xffffffff, 0xfffff000)];
const SIZES = [0x1000, 0x1000, 0x3000, 0x5000, 0x200000, 0x201000, 0x400000, 0, 0x800].map(u64FromNumber);
const GIB = 0x40000000;
/** Memory nothing of the kernel's lies in. */
const PHYSICALS = [0x100000000, 0x100001000, 0x140000000, 0x140200000, 0x180000000].map(u64FromNumber);

/** Binds an intent to what there is. */
export function bind(intent: Intent, book: Book, platform: Platform): Command {
  const { verb: type, a, b, c, d } = intent;
  const devices = [...platform.kernel.devices.keys()];
  const hardware = [...book.subdevices].filter(([, made]) => !made.software).map(([uuid]) => uuid);
  const software = [...book.subdevices].filter(([, made]) => made.software).map(([uuid]) => uuid);
  const device = pick(devices, a);
  const parent = pick([...PARENTS.filter((each) => devices.includes(each)), device], a);
  // Mostly what a user made: domains of the kernel's own come first in the list.
  const domain = [...book.domains.keys()].reverse()[skewed(b, book.domains.size)] ?? 9999;
  const group = pick([...book.groups.keys()].reverse(), c) ?? 9999;
  const openable = [...platform.kernel.groups.values()].filter(({ members }) =>
    members.some(({ kind, driver }) => (kind === 'Device' ? driver === 'vfio-pci' : driver !== null)),
  );
  const container = pick([...book.containers], a) ?? 9999;
  const subdevice = pick(hardware, a) ?? UUIDS[0];
  const iova = c % 17 === 0 ? pick(HIGH_IOVAS, a) : pick(IOVAS, c);
  const size = pick(SIZES, d % 3 === 0 ? 0 : d);
  const read = a % 5 !== 0;
  const write = a % 5 !== 1 && a % 25 !== 0;
  const endpoint: EndpointRef =
    hardware.length > 0 && a % 2 === 0
      ? { kind: 'Subdevice', name: pick(hardware, a >> 1) }
      : { kind: 'Device', name: pick([parent, device], a >> 1) };
  const target: TargetRef = a % 3 === 0 ? { kind: 'Group', number: group } : endpoint;
  switch (type) {
    case 'enableFeature':
    case 'disableFeature':
      return { type, device: a % 7 === 0 ? device : parent, feature: pick(FEATURES, b) };
    case 'createMdev': {
      const framework = d % 4 === 0 ? ({ framework: 'subdev-test' } as const) : {};
      // Every parent may have been unplugged.
      const host = platform.kernel.devices.get(parent);
      const offered = host === undefined ? [] : platform.kernel.mdevTypes(host).map(({ name }) => name);
      const mdevType = b % 9 === 0 ? 'none' : (pick(offered, b) ?? 'parent-one');
      return { type, parent, mdevType, uuid: pick(UUIDS, c), ...framework };
    }
    case 'createSoftwareMdev':
      return { type, parent: 'mtty', mdevType: pick(['mtty-1', 'mtty-2'], b), uuid: pick(UUIDS, c) };
    case 'removeMdev':
      return { type, subdevice };
    case 'removeSoftwareMdev':
      return { type, subdevice: pick(software, a) ?? UUIDS[0] };
    case 'allocDomain':
      return {
        type,
        bus: pick([...platform.kernel.buses.keys()], a),
        domainType: b % 8 === 0 ? pick(['DMA', 'IDENTITY', 'BLOCKED', 'SVA'] as const, c) : 'UNMANAGED',
      };
    case 'freeDomain':
      return { type, domain };
    case 'attach':
      return { type, domain, target };
    case 'detach': {
      const live = pick(book.attachments, b);
      if (live === undefined || c % 4 === 0) return { type, domain, target };
      const kind = book.subdevices.has(live.endpoint) ? 'Subdevice' : 'Device';
      return { type, domain: live.domain, target: { kind, name: live.endpoint } };
    }
    case 'map':
      if (d % 23 === 0) {
        const place = { iova: u64(0, (c % 2) * GIB), physical: u64(1, GIB), size: u64(0, GIB) };
        return { type, domain, ...place, read: true, write: true };
      }
      return { type, domain, iova, physical: pick(PHYSICALS, b >> 2), size, read, write };
    case 'unmap':
      return { type, domain, iova, size };
    case 'dma':
      return {
        type,
        endpoint,
        pasid: pick(PASIDS, b),
        address: offset(mappedOr(book, domain, c, iova), d % 5 === 0 ? 0x18 : 0),
        size: d % 7 === 0 ? 0x1800 : 8,
        access: pick(ACCESSES, d),
        data: null,
        translation: pick(TRANSLATIONS, d >> 2),
      };
    case 'openContainer':
      return {
        type,
        userMemory: a % 3 === 0 ? USER_MEMORY : null,
        ...(b % 7 === 0 ? { lockedMemoryLimit: u64FromPfn(c % 64) } : {}),
      };
    case 'closeContainer':
      return { type, container };
    case 'addGroupToContainer':
      return { type, container, group: b % 8 === 0 ? group : (pick(openable, c)?.number ?? group) };
    case 'removeGroupFromContainer': {
      const mine = platform.kernel.vfio.containers.get(container)?.groups.map(({ number }) => number) ?? [];
      return { type, container, group: b % 5 === 0 ? group : (pick(mine, b) ?? group) };
    }
    case 'setContainerIommu':
      return { type, container, iommuType: pick([3, 3, 1, 3, 3, 1, 3, 6, 7], b) };
    case 'vfioMapDma':
      return c % 9 === 0
        ? {
            type,
            container,
            iova,
            vaddr: pick(VADDRS, b),
            size,
            read: false,
            write: false,
            updateVaddr: true,
          }
        : { type, container, iova, vaddr: pick(VADDRS, b), size, read, write };
    case 'vfioUnmapDma':
      return b % 6 === 0
        ? { type, container, iova: u64(0, 0), size: u64(0, 0), all: true }
        : { type, container, iova, size, all: false, ...(c % 5 === 0 && { takeVaddr: true }) };
    case 'vfioDirtyPages': {
      const action = pick(['START', 'GET_BITMAP', 'STOP'] as const, b);
      return { type, container, action, range: action === 'GET_BITMAP' ? { iova, size } : null };
    }
    case 'bindDriver':
      return { type, device, driver: pick(DRIVERS, b), ...(c % 2 === 0 && { vectors: 1 + (c % 7) }) };
    case 'svaBind':
      return { type, device, process: 1 + (b % 3), userMemory: null };
    case 'svaUnbind':
      return { type, device, process: 1 + (b % 3) };
    case 'unbindDriver':
      return { type, device };
    case 'setGroupType':
      return { type, group, word: pick(['DMA', 'identity', 'auto', 'DMA-FQ', 'none'], b) };
    case 'requestPage': {
      const request = {
        read,
        write,
        execute: false,
        privileged: false,
        last: b % 2 === 0,
        groupIndex: b % 512,
      };
      return { type, endpoint, pasid: pick(PASIDS, c), address: iova, ...request };
    }
    case 'signalInterrupt':
      return d % 2 === 0
        ? { type, device, interrupt: b % 3 }
        : { type, device, address: u64(0, 0xfee00000 + (b % 4) * 8), data: c };
    case 'dmaMap': {
      const physical = offset(pick(PHYSICALS, b), d % 3 === 0 ? 0x234 : 0);
      return { type, device, physical, size: pick(DMA_SIZES, c), direction: pick(DIRECTIONS, d) };
    }
    case 'dmaUnmap': {
      const mapped = [...driverMappings(platform)];
      const { name, address } = pick(mapped, b) ?? { name: device, address: iova };
      return { type, device: c % 8 === 0 ? device : name, address };
    }
    case 'openVfioDevice':
    case 'closeVfioDevice': {
      const held = platform.kernel.vfio.containers.get(container)?.groups ?? [];
      const members = held.flatMap((each) => each.members.map(({ name }) => ({ group: each.number, name })));
      return { type, ...(pick(members, b) ?? { group, name: device }) };
    }
    case 'removeDevice':
      return { type, device: b % 3 === 0 ? parent : device, unplug: d % 2 === 0 };
    case 'rescanBus':
      return { type };
    case 'hotplugDevice': {
      const unplugged = platform.header.description.functions.filter(
        ({ address }) => platform.machine.topology.find(address) === null,
      );
      // A card in a place that is taken, when all are.
      const functions = unplugged.length > 0 ? unplugged : platform.header.description.functions;
      return { type, pci: lspciText([pick(functions, a)]) };
    }
    case 'setNumVfs': {
      const physical = devices.filter((name) => platform.kernel.devices.get(name)!.fn.sriov !== null);
      return { type, device: c % 8 === 0 ? device : (pick(physical, b) ?? device), count: d % 5 };
    }
    default:
      throw new Error(`${type} is not drawn`);
  }
}

/** Small pages, a hole, pages that can only be read, and a large page. */
const USER_MEMORY = [
  { start: u64(0, 0), size: u64(0, 0x400000), read: true, write: true, pageSize: 4096 },
  { start: u64(0, 0x600000), size: u64(0, 0x200000), read: true, write: false, pageSize: 4096 },
  { start: u64(0, 0x40000000), size: u64(0, 0x400000), read: true, write: true, pageSize: 0x200000 },
];
const VADDRS = [0, 0x1000, 0x3ff000, 0x600000, 0x40000000, 0x40200000].map(u64FromNumber);

const DMA_SIZES = [0x200, 0x1000, 0x2000, 0x5000, 0x21000, 0x200000];
const DIRECTIONS = ['TO_DEVICE', 'FROM_DEVICE', 'BIDIRECTIONAL'] as const;

/** What drivers mapped by the DMA API and have not unmapped. */
function* driverMappings({ kernel }: Platform): Generator<{ name: string; address: U64 }> {
  for (const { name, primaryDomain } of kernel.devices.values()) {
    const { taken } = (primaryDomain?.iovas ?? { taken: [] }) as unknown as { taken: readonly TakenRange[] };
    for (const { pfn, pages } of taken) if (pages > 0) yield { name, address: u64FromPfn(pfn) };
  }
}

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length];
}

/** Half of the time among the first three. */
function skewed(at: number, length: number): number {
  return at % 2 === 0 ? (at >> 1) % Math.min(3, length) : (at >> 1) % length;
}

/** An address the domain maps, when it maps any. */
function mappedOr(book: Book, domain: number, at: number, otherwise: U64): U64 {
  const runs = book.domains.get(domain)?.all ?? [];
  if (runs.length === 0 || at % 4 === 0) return otherwise;
  const run = pick(runs, at);
  return u64FromNumber((run.pfn + (at % Math.min(run.pages, 4))) * 4096);
}

function offset(address: U64, by: number): U64 {
  return { hi: address.hi, lo: (address.lo + by) >>> 0 };
}
