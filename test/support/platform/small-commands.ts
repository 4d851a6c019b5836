import fc from 'fast-check';
import { u64, u64FromPfn } from '../../../src/bits/u64.js';
import type { Command } from '../../../src/platform/command.js';
import { DISK, LOCKED, LOCKED_PARENT, PARENT, TWINS, UNCOVERED } from './small-machine.js';

const DEVICES = [PARENT, LOCKED_PARENT, ...TWINS, LOCKED, DISK, UNCOVERED];
const UUIDS = [1, 2, 3, 4].map((n) => `4b20d080-1b54-4048-85b3-a6a62d16500${n}`);
/** Pages that overlap each other, lie inside large pages, in the interrupt window, and beyond 48 bits. */
const PFNS = [0, 1, 512, 513, 1024, 0xfee00, 2 ** 37];
const SIZES = [0, 1, 2, 512, 1024];

const pages = (list: readonly number[]) => fc.constantFrom(...list).map((pfn) => u64FromPfn(pfn));
const iova = fc.oneof({ weight: 12, arbitrary: pages(PFNS) }, fc.constant(u64(0, 0x1001)));
const size = pages(SIZES);
const device = fc.constantFrom(...DEVICES);
const uuid = fc.constantFrom(...UUIDS);
const bool = fc.boolean();
const container = fc.integer({ min: 1, max: 2 });

/**
 * Commands on the small machine: things that work, things that are refused, and names of nothing.
 *
 * @param firstDomain number of the first domain after boot
 */
export function smallCommand(firstDomain: number): fc.Arbitrary<Command> {
  const domain = fc.oneof(
    { weight: 1, arbitrary: fc.integer({ min: 1, max: firstDomain - 1 }) },
    { weight: 5, arbitrary: fc.integer({ min: firstDomain, max: firstDomain + 4 }) },
  );
  const group = fc.integer({ min: 0, max: 8 });
  const target = fc.oneof(
    device.map((name) => ({ kind: 'Device' as const, name })),
    uuid.map((name) => ({ kind: 'Subdevice' as const, name })),
    group.map((number) => ({ kind: 'Group' as const, number })),
  );
  const of = <T extends Command['type']>(
    type: T,
    fields: { [K in Exclude<keyof Extract<Command, { type: T }>, 'type'>]?: fc.Arbitrary<unknown> },
  ) => fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<Command>;
  const feature = fc.constantFrom('AUX', 'AUX', 'SVA', 'IOPF');
  const often = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
  return fc.oneof(
    often(3, of('enableFeature', { device, feature })),
    often(1, of('disableFeature', { device, feature })),
    often(
      4,
      of('createMdev', {
        parent: fc.constantFrom(PARENT, LOCKED_PARENT, DISK),
        mdevType: fc.constantFrom('idxd-1dwq-v1', 'idxd-1dwq-v1', 'idxd-none'),
        uuid,
      }),
    ),
    often(
      1,
      of('createSoftwareMdev', { parent: fc.constant('mtty'), mdevType: fc.constant('mtty-2'), uuid }),
    ),
    often(1, of('removeMdev', { subdevice: uuid })),
    often(1, of('removeSoftwareMdev', { subdevice: uuid })),
    often(1, of('setGroupType', { group, word: fc.constantFrom('identity', 'DMA', 'auto', 'wrong') })),
    often(
      3,
      of('allocDomain', {
        bus: fc.constantFrom('pci', 'mdev'),
        domainType: fc.constantFrom('UNMANAGED', 'UNMANAGED', 'IDENTITY', 'DMA', 'BLOCKED'),
      }),
    ),
    often(1, of('freeDomain', { domain })),
    often(5, of('attach', { domain, target })),
    often(2, of('detach', { domain, target })),
    often(3, of('map', { domain, iova, physical: iova, size, read: bool, write: bool })),
    often(1, of('unmap', { domain, iova, size })),
    often(
      1,
      of('dma', {
        endpoint: device.map((name) => ({ kind: 'Device', name })),
        pasid: fc.constant('OWN'),
        address: iova,
        size: fc.constant(8),
        access: fc.constantFrom('READ', 'WRITE'),
        data: fc.constant(null),
        translation: fc.constant('UNTRANSLATED'),
      }),
    ),
    often(
      2,
      of('openContainer', {
        userMemory: fc.constantFrom(null, null, [
          { start: u64(0, 0), size: u64FromPfn(512), read: true, write: false, pageSize: 4096 },
        ]),
      }),
    ),
    often(1, of('closeContainer', { container })),
    often(6, of('addGroupToContainer', { container, group })),
    often(1, of('removeGroupFromContainer', { container, group })),
    often(3, of('setContainerIommu', { container, iommuType: fc.constantFrom(1, 3, 3, 6) })),
    often(5, of('vfioMapDma', { container, iova, vaddr: iova, size, read: bool, write: bool })),
    often(1, of('vfioUnmapDma', { container, iova, size, all: fc.constantFrom(false, false, true) })),
    often(4, of('bindDriver', { device, driver: fc.constantFrom('vfio-pci', 'vfio-pci', 'idxd', 'nvme') })),
    often(4, of('unbindDriver', { device })),
  );
}

/**
 * A life of the small machine up to now: most of an ordinary beginning, so that there is something to be
 * refused for, then anything.
 */
export function smallHistory(
  firstDomain: number,
  groupOf: (device: string) => number,
): fc.Arbitrary<Command[]> {
  const bind = (name: string): Command[] => [
    { type: 'unbindDriver', device: name },
    { type: 'bindDriver', device: name, driver: 'vfio-pci' },
  ];
  const open: Command = { type: 'openContainer', userMemory: null };
  const create = (n: number): Command => ({
    type: 'createMdev',
    parent: PARENT,
    mdevType: 'idxd-1dwq-v1',
    uuid: UUIDS[n],
  });
  const alloc = (bus: string): Command => ({ type: 'allocDomain', bus, domainType: 'UNMANAGED' });
  const attach = (n: number): Command => ({
    type: 'attach',
    domain: firstDomain + n,
    target: { kind: 'Subdevice', name: UUIDS[n] },
  });
  const put = (container: number, name: string): Command => ({
    type: 'addGroupToContainer',
    container,
    group: groupOf(name),
  });
  const vfioMap = (pfn: number): Command => ({
    type: 'vfioMapDma',
    container: 1,
    iova: u64FromPfn(pfn),
    vaddr: u64FromPfn(0),
    size: u64FromPfn(512),
    read: true,
    write: true,
  });
  const beginning: Command[] = [
    open,
    open,
    { type: 'enableFeature', device: PARENT, feature: 'AUX' },
    create(0),
    create(1),
    alloc('mdev'),
    alloc('mdev'),
    alloc('pci'),
    attach(0),
    attach(1),
    ...bind(DISK),
    put(1, DISK),
    { type: 'setContainerIommu', container: 1, iommuType: 3 },
    vfioMap(0),
    vfioMap(1024),
    ...bind(TWINS[0]),
    ...bind(LOCKED),
    put(2, LOCKED),
  ];
  return fc
    .tuple(fc.subarray(beginning, { minLength: 10 }), fc.array(smallCommand(firstDomain), { maxLength: 12 }))
    .map(([first, then]) => [...first, ...then]);
}
