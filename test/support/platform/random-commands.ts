import fc from 'fast-check';

/** A command as a client writes it: the name of its mutation, and its input. */
export type Written = readonly [name: string, input: Record<string, unknown>];

const PARENT = '0000:6a:01.0';
const DEVICES = [PARENT, '0000:6f:01.0', '0000:00:00.0', '0000:ff:1f.7'];
const UUIDS = [1, 2, 3].map((n) => `4b20d080-1b54-4048-85b3-a6a62d16500${n}`);

/** The number of the first domain allocated after boot. */
const FIRST_DOMAIN = 73;

const IOVAS = fc.constantFrom('0x0', '0x1000', '0x200000', '0x201000', '0x3ffff000', '0x40000000', '0x1001');
const SIZES = fc.constantFrom('4K', '8K', '2M', '6M', '1');

/**
 * Commands on a platform built from `sapphire-rapids`: things that work, things the kernel refuses, and ids
 * that stand for nothing, so that one list meets what an earlier one left behind.
 */
export function randomCommand(platform: string): fc.Arbitrary<Written> {
  const device = fc.constantFrom(...DEVICES).map((name) => `Device:${platform}/${name}`);
  const subdevice = fc.constantFrom(...UUIDS).map((uuid) => `Subdevice:${platform}/${uuid}`);
  // A few of those that were there after boot, and the next ones.
  const domain = fc
    .oneof(fc.integer({ min: 1, max: 5 }), {
      weight: 4,
      arbitrary: fc.integer({ min: FIRST_DOMAIN, max: FIRST_DOMAIN + 12 }),
    })
    .map((number) => `Domain:${platform}/${number}`);
  const group = fc.integer({ min: 0, max: 40 }).map((number) => `Group:${platform}/${number}`);
  const target = fc.oneof(device, subdevice, group);
  const endpoint = fc.oneof(device, subdevice);
  const access = fc.subarray(['READ', 'WRITE', 'EXECUTE']);
  const written = (name: string, fields: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record(fields).map((input): Written => [name, input]);
  const feature = fc.constantFrom('AUX', 'SVA', 'IOPF');
  return fc.oneof(
    written('enableFeature', { device, feature }),
    written('disableFeature', { device, feature }),
    written('createMdev', {
      parent: fc.constantFrom(`Device:${platform}/${PARENT}`, `Device:${platform}/${DEVICES[1]}`),
      type: fc.constantFrom('idxd-1dwq-v1', 'idxd-nothing'),
      uuid: fc.constantFrom(...UUIDS),
    }),
    written('removeMdev', { subdevice }),
    written('allocDomain', {
      platform: fc.constant(`Platform:${platform}`),
      bus: fc.constantFrom('pci', 'mdev', 'usb'),
      type: fc.constantFrom('UNMANAGED', 'IDENTITY', 'DMA'),
    }),
    written('freeDomain', { domain }),
    written('attach', { domain, target }),
    written('detach', { domain, target }),
    written('map', { domain, iova: IOVAS, physical: IOVAS, size: SIZES, access }),
    written('map', { domain, iova: IOVAS, physical: IOVAS, size: SIZES }),
    written('unmap', { domain, iova: IOVAS, size: SIZES }),
    written('dma', { endpoint, address: IOVAS, access: fc.constantFrom('READ', 'WRITE', 'EXECUTE') }),
    written('bindDriver', { device, driver: fc.constantFrom('vfio-pci', 'idxd') }),
    written('bindDriver', { device, driver: fc.constant('idxd'), vectors: fc.integer({ min: 1, max: 12 }) }),
    written('unbindDriver', { device }),
  );
}

/** The same lists at every run. */
export function sampleLists(platform: string, count: number, longest: number, seed: number): Written[][] {
  const list = fc.array(randomCommand(platform), { minLength: 1, maxLength: longest });
  return fc.sample(list, { numRuns: count, seed });
}
