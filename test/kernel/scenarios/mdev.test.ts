import { Host, U1, U2, codesOf, errnoOf } from '../../support/kernel/host.js';

const OTHER = '0000:6b:00.0';

describe('scenario 59: the text written to create', () => {
  it.each([
    ['35 characters', U1.slice(1)],
    ['38 characters', `${U1}\n\n`],
    ['no hexadecimal', U1.replace('1', 'g')],
  ])('%s is EINVAL', (_title, text) => {
    const host = Host.boot();
    expect(errnoOf(() => host.mdev(text))).toBe('EINVAL');
    expect(host.kernel.subdevices.size).toBe(0);
  });

  it('36 characters and a newline are accepted', () => {
    expect(Host.boot().mdev(`${U1}\n`).uuid).toBe(U1);
  });

  it('capitals become small letters', () => {
    const text = 'ABCDEF01-1111-4111-8111-ABCDEFABCDEF';
    expect(Host.boot().mdev(text).uuid).toBe(text.toLowerCase());
  });
});

// Source: linux-iommu-siov.md 6.3; the file of a type is opened before anything is written to it.
it('of several mistakes the file comes first, then the text, a UUID in use, and room last', () => {
  const host = Host.boot({ parents: [{ capacity: 1 }] });
  const create = (type: string, uuid: string) =>
    errnoOf(() => host.kernel.createMdev(host.device(), type, uuid));
  host.mdev(U1);
  expect([
    create('idxd-9dwq', 'not a UUID'),
    create('idxd-1dwq-v1', 'not a UUID'),
    create('idxd-1dwq-v1', U1),
    create('idxd-1dwq-v1', U2),
  ]).toEqual(['ENOENT', 'EINVAL', 'EEXIST', 'ENOSPC']);
});

// Source: linux-iommu-siov.md 6.3; for V6_1 qemu-linux/topology/mdev-mtty/dmesg-tail.txt.
describe.each(['V5_10', 'V5_15', 'V6_1'] as const)('a removal under %s', (profile) => {
  it('without operations on the bus is told under the driver, before it leaves', () => {
    const options = { CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n' };
    const host = Host.boot({ config: { profile, options } });
    const subdevice = host.mdev(U1);
    const { number } = subdevice.group!;
    const driver = profile === 'V6_1' ? 'idxd' : 'vfio_mdev';
    expect(host.linesOf(() => host.kernel.removeMdev(subdevice))).toEqual([
      `${driver} ${U1}: Removing from iommu group ${number}`,
      ...(profile === 'V6_1' ? [] : [`${driver} ${U1}: MDEV: detaching iommu`]),
    ]);
  });

  it('with operations is told under the bus, since no driver is bound any more', () => {
    const host = Host.boot({ config: { profile } });
    const subdevice = host.mdev(U1);
    const { number } = subdevice.group!;
    const lines = host.linesOf(() => host.kernel.removeMdev(subdevice));
    expect(lines).toEqual([`mdev ${U1}: Removing from iommu group ${number}`]);
  });
});

it('scenario 60: a UUID is unique on the whole machine', () => {
  const host = Host.boot({ parents: [{}, { at: OTHER }] });
  host.mdev(U1);
  expect(errnoOf(() => host.mdev(U1, OTHER))).toBe('EEXIST');
});

it('scenario 62: without room ENOSPC, and a removal makes room', () => {
  const host = Host.boot({ parents: [{ capacity: 1 }] });
  const type = () => host.kernel.mdevTypes(host.device())[0];
  expect(type()).toMatchObject({ name: 'idxd-1dwq-v1', deviceApi: 'vfio-pci', availableInstances: 1 });
  const first = host.mdev(U1);
  expect([type().availableInstances, ...type().subdevices]).toEqual([0, first]);
  expect(errnoOf(() => host.mdev(U2))).toBe('ENOSPC');
  host.kernel.removeMdev(first);
  expect(type().availableInstances).toBe(1);
  expect(errnoOf(() => host.mdev(U2))).toBeNull();
});

it('scenario 63: a subdevice in use is not removed; the refusal says removal would wait', () => {
  const host = Host.boot();
  host.kernel.enableFeature(host.device(), 'AUX');
  const subdevice = host.mdev(U1);
  const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
  host.kernel.attach(domain, subdevice);
  expect(errnoOf(() => host.kernel.removeMdev(subdevice))).toBe('EAGAIN');
  host.kernel.detach(domain, subdevice);
  expect(errnoOf(() => host.kernel.removeMdev(subdevice))).toBeNull();
});

it('scenario 66: unbinding the parent’s driver removes its subdevices and its types', () => {
  const host = Host.boot();
  host.mdev(U1);
  host.mdev(U2);
  const lines = host.linesOf(() => host.kernel.unbindDriver(host.device()));
  expect(host.kernel.subdevices.size).toBe(0);
  expect(host.kernel.mdevTypes(host.device())).toEqual([]);
  expect(lines[0]).toBe('idxd 0000:6a:01.0: MDEV: Unregistering');
  expect(codesOf(() => host.mdev(U1))).toEqual(['NO_SUCH_TYPE']);
  host.kernel.bindDriver(host.device(), 'vfio-pci');
  expect(host.kernel.mdevTypes(host.device())).toEqual([]);
});

it.each([
  ['V5_10', 'ENODEV'],
  ['V5_15', 'EBUSY'],
] as const)('binding a bound device in %s is %s', (profile, errno) => {
  const host = Host.boot({ config: { profile } });
  expect(errnoOf(() => host.kernel.bindDriver(host.device(), 'vfio-pci'))).toBe(errno);
});
