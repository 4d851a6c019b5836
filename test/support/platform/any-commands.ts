import { u64, u64FromPfn } from '../../../src/bits/u64.js';
import type { Command, EndpointRef, TargetRef } from '../../../src/platform/command.js';
import type { Platform } from '../../../src/platform/platform.js';
import { lspciText } from '../lspci-text.js';

/** Numbers from 0 up to and without 1, the same ones for the same seed. (mulberry32) */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const PFNS = [0, 1, 2, 511, 512, 1024, 0x40000, 0xfee00];
const PAGES = [1, 1, 2, 511, 512, 1024];

/**
 * Any command on any machine, named after what is there now: things that work, things that are refused, and
 * things no driver would do, such as writing to a register or into tables.
 */
export function anyCommand(platform: Platform, next: () => number): Command {
  const { kernel, machine } = platform;
  const index = (count: number) => Math.floor(next() * count);
  const one = <T>(list: readonly T[]): T => list[index(list.length)];
  const chance = (of: number) => next() < of;
  const devices = [...kernel.devices.values()];
  // A few of them are met again and again, so that one command finds what another left.
  const busy = devices.filter((each) => each.mdevTypeInputs.length > 0 || each.fn.ats !== null);
  const device = () => one(busy.length > 0 && chance(0.8) ? busy.slice(0, 3) : devices).name;
  const subdevices = [...kernel.subdevices.keys()];
  const uuid = () => `4b20d080-1b54-4048-85b3-a6a62d16500${index(9)}`;
  const subdevice = () => (subdevices.length > 0 && chance(0.9) ? one(subdevices) : uuid());
  const domains = [...kernel.domains.keys()];
  const domain = () => (domains.length > 0 ? one(chance(0.8) ? domains.slice(-4) : domains) : 1);
  const containers = [...kernel.vfio.containers.keys()];
  const container = () => (containers.length > 0 ? one(containers) : 1);
  const group = () => one([...kernel.groups.keys(), 99]);
  const units = machine.units.map(({ name }) => name);
  const unit = () => (units.length > 0 ? one(units) : 'dmar0');
  const endpoint = (): EndpointRef =>
    subdevices.length > 0 && chance(0.5)
      ? { kind: 'Subdevice', name: subdevice() }
      : { kind: 'Device', name: device() };
  const target = (): TargetRef => (chance(0.2) ? { kind: 'Group', number: group() } : endpoint());
  const iova = () => u64FromPfn(one(PFNS));
  const size = () => u64FromPfn(one(PAGES));
  const access = () => ({ read: chance(0.9), write: chance(0.7) });
  const parent = () => one(busy.length > 0 ? busy : devices);

  const kinds: readonly (readonly [weight: number, make: () => Command])[] = [
    [4, () => ({ type: 'enableFeature', device: device(), feature: one(['AUX', 'AUX', 'SVA', 'IOPF']) })],
    [1, () => ({ type: 'disableFeature', device: device(), feature: 'AUX' })],
    [
      4,
      () => {
        const found = parent();
        const group = found.mdevTypeInputs[0]?.group ?? 'none';
        return { type: 'createMdev', parent: found.name, mdevType: `${found.driver}-${group}`, uuid: uuid() };
      },
    ],
    [1, () => ({ type: 'removeMdev', subdevice: subdevice() })],
    [1, () => ({ type: 'createSoftwareMdev', parent: 'mtty', mdevType: 'mtty-2', uuid: uuid() })],
    [1, () => ({ type: 'removeSoftwareMdev', subdevice: uuid() })],
    [1, () => ({ type: 'setGroupType', group: group(), word: one(['identity', 'DMA', 'auto']) })],
    [
      4,
      () => ({
        type: 'allocDomain',
        bus: one([...kernel.buses.keys()]),
        domainType: one(['UNMANAGED', 'UNMANAGED', 'IDENTITY', 'DMA']),
      }),
    ],
    [1, () => ({ type: 'freeDomain', domain: domain() })],
    [6, () => ({ type: 'attach', domain: domain(), target: target() })],
    [2, () => ({ type: 'detach', domain: domain(), target: target() })],
    [6, () => ({ type: 'map', domain: domain(), iova: iova(), physical: iova(), size: size(), ...access() })],
    [2, () => ({ type: 'unmap', domain: domain(), iova: iova(), size: size() })],
    [
      6,
      () => ({
        type: 'dma',
        endpoint: endpoint(),
        pasid: one(['OWN', 'OWN', 'NONE', 1]),
        address: iova(),
        size: one([8, 4096, 8192]),
        access: one(['READ', 'WRITE', 'WRITE', 'EXECUTE']),
        data: chance(0.5) ? new Uint8Array([1, 2, 3, index(256)]) : null,
        translation: one(['UNTRANSLATED', 'UNTRANSLATED', 'TRANSLATION_REQUEST', 'DEVICE_TLB']),
      }),
    ],
    [1, () => ({ type: 'openContainer', userMemory: null })],
    [1, () => ({ type: 'closeContainer', container: container() })],
    [2, () => ({ type: 'addGroupToContainer', container: container(), group: group() })],
    [1, () => ({ type: 'removeGroupFromContainer', container: container(), group: group() })],
    [
      2,
      () => {
        const held = containers.flatMap((number) => kernel.vfio.containers.get(number)!.groups);
        const file = held.length > 0 ? one(held) : kernel.groups.get(one([...kernel.groups.keys()]))!;
        const name = file.members.length > 0 ? one(file.members).name : device();
        return {
          type: one(['openVfioDevice', 'openVfioDevice', 'closeVfioDevice']),
          group: file.number,
          name,
        };
      },
    ],
    [
      1,
      () => {
        const { functions } = platform.header.description;
        const unplugged = functions.filter(
          ({ address, physicalFunction }) =>
            physicalFunction === null && machine.topology.find(address) === null,
        );
        // A card for a place that is taken, when all are.
        return { type: 'hotplugDevice', pci: lspciText([one(unplugged.length > 0 ? unplugged : functions)]) };
      },
    ],
    [1, () => ({ type: 'setContainerIommu', container: container(), iommuType: one([1, 3]) })],
    [
      2,
      () => ({
        type: 'vfioMapDma',
        container: container(),
        iova: iova(),
        vaddr: iova(),
        size: size(),
        ...access(),
      }),
    ],
    [
      1,
      () => ({
        type: 'vfioUnmapDma',
        container: container(),
        iova: iova(),
        size: size(),
        all: chance(0.3),
      }),
    ],
    [
      1,
      () => {
        const action = one(['START', 'GET_BITMAP', 'STOP'] as const);
        const range = action === 'GET_BITMAP' ? { iova: iova(), size: size() } : null;
        return { type: 'vfioDirtyPages', container: container(), action, range };
      },
    ],
    [
      2,
      () => ({
        type: 'bindDriver',
        device: device(),
        driver: one(['vfio-pci', 'idxd']),
        ...(chance(0.5) && { vectors: 1 + index(4) }),
      }),
    ],
    [2, () => ({ type: 'unbindDriver', device: device() })],
    [
      1,
      () =>
        devices.length > 4
          ? { type: 'removeDevice', device: one(devices).name, unplug: devices.length > 6 && chance(0.2) }
          : { type: 'rescanBus' },
    ],
    [
      3,
      () => ({
        type: 'dmaMap',
        device: device(),
        physical: u64(0, 4096 * index(64)),
        size: one([512, 4096, 8192]),
        direction: one(['TO_DEVICE', 'FROM_DEVICE', 'BIDIRECTIONAL']),
      }),
    ],
    [2, () => ({ type: 'dmaUnmap', device: device(), address: u64FromPfn(0xfffff - index(16)) })],
    [2, () => ({ type: 'rescanBus' })],
    [1, () => ({ type: 'setNumVfs', device: device(), count: index(3) })],
    [
      1,
      () => ({
        type: 'pokeMemory',
        address: 4096 * one([0x10, 0x100, 0x40000]) + 8 * index(512),
        words: [u64(index(65536), index(65536))],
      }),
    ],
    [
      1,
      () => ({
        type: 'writeRegister',
        unit: unit(),
        register: one(['FECTL', 'FSTS', 'ICS']),
        value: u64(0, one([0, 1, 0x80000000])),
      }),
    ],
    [
      1,
      () => ({
        type: 'submitDescriptor',
        unit: unit(),
        words: [u64(0, one([0x11, 0x12, 0x1f])), u64(0, 0), u64(0, 0), u64(0, 0)].slice(0, one([2, 4])),
      }),
    ],
    [
      1,
      () => ({
        type: 'requestPage',
        endpoint: endpoint(),
        pasid: one(['OWN', 'NONE', 1]),
        address: iova(),
        read: true,
        write: chance(0.5),
        execute: false,
        privileged: false,
        last: chance(0.5),
        groupIndex: index(512),
      }),
    ],
    [2, () => ({ type: 'svaBind', device: device(), process: 1 + index(2), userMemory: null })],
    [1, () => ({ type: 'svaUnbind', device: device(), process: 1 + index(2) })],
    [1, () => ({ type: 'signalInterrupt', device: device(), interrupt: index(3) })],
    [
      1,
      () => ({
        type: 'signalInterrupt',
        device: device(),
        address: u64(0, 0xfee00000 + 16 * index(64)),
        data: index(256),
      }),
    ],
  ];
  let at = next() * kinds.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, make] of kinds) {
    at -= weight;
    if (at < 0) return make();
  }
  return kinds[0][1]();
}
