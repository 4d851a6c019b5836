import { PARENT, U1, address, errnoOf, Host } from '../../support/kernel/host.js';
import { NIC, PROFILES, containerWith, vfioHost } from '../../support/kernel/vfio.js';

const FIRST = '0000:6b:00.0';
const SECOND = '0000:6b:00.1';

/** Two functions of one slot that nothing isolates, in one group. */
function pair(
  profile: (typeof PROFILES)[number],
  bit7: boolean,
  drivers: [string | null, string | null],
): Host {
  return Host.boot({
    parents: [
      { at: FIRST, vendorId: 0x1234, driver: drivers[0], multifunction: true },
      { at: SECOND, vendorId: 0x1234, driver: drivers[1], multifunction: bit7 },
    ],
    config: { profile },
  });
}

/** What happened, in the words of the kernel's objects. */
const story = (host: Host, from: number) =>
  host.events
    .slice(from)
    .flatMap((event) =>
      event.type === 'TOPOLOGY' && event.subject !== null && 'name' in event.subject
        ? [`${event.change} ${event.subject.name}`]
        : [],
    );

describe.each(PROFILES)('functions that come and go under %s', (profile) => {
  it('a device leaves with its subdevices, its domain and its group, and its number is used again', () => {
    const host = Host.boot({ config: { profile } });
    const subdevice = host.mdev(U1);
    const group = host.group().number;
    const domain = host.group().defaultDomain!;
    const from = host.events.length;
    expect(host.kernel.removeDevice(host.device())).toEqual([PARENT]);
    expect(story(host, from)).toEqual([
      `LEFT_GROUP ${subdevice.uuid}`,
      `SUBDEVICE_REMOVED ${subdevice.uuid}`,
      `DRIVER_UNBOUND ${PARENT}`,
      `LEFT_GROUP ${PARENT}`,
      `DEVICE_REMOVED ${PARENT}`,
    ]);
    expect(host.kernel.groups.has(group)).toBe(false);
    expect(host.kernel.domains.has(domain.number)).toBe(false);
    const back = host.events.length;
    const [found] = host.kernel.rescan(null);
    expect([found.name, found.driver, found.group!.number]).toEqual([PARENT, 'idxd', group]);
    expect(story(host, back)).toEqual([
      `DEVICE_ADDED ${PARENT}`,
      `JOINED_GROUP ${PARENT}`,
      `DRIVER_BOUND ${PARENT}`,
    ]);
    expect(found.primaryDomain!.number).toBe(found.group!.defaultDomain!.number);
    expect(host.kernel.rescan(null)).toEqual([]);
  });

  it('requests of a device the kernel forgot find no context entry', () => {
    const host = Host.boot({ config: { profile } });
    const { fn } = host.device();
    host.kernel.removeDevice(host.device());
    const result = host.machine.dma({
      fn,
      pasid: null,
      address: address('1000'),
      access: 'WRITE',
      addressType: 'UNTRANSLATED',
      size: 4,
      data: new Uint8Array(4),
    });
    expect(result.blocked).toMatchObject({ level: 'CONTEXT', reason: 0x41 });
  });

  it.each([
    ['joins the group of its slot when its own header says multifunction', true, 2],
    ['gets a group of its own when only its place says so', false, 1],
  ])('a function that comes back %s', (_text, bit7, members) => {
    const host = pair(profile, bit7, [null, null]);
    expect(host.group(FIRST).members).toHaveLength(2);
    host.kernel.removeDevice(host.device(SECOND));
    host.kernel.rescan(null);
    expect(host.group(SECOND).members).toHaveLength(members);
  });

  it('a newcomer to a group that a user has goes to the user, or before to the default domain', () => {
    const host = pair(profile, true, ['vfio-pci', null]);
    const container = containerWith(host, [FIRST]);
    const users = container.iommu!.domains[0].domain;
    host.kernel.removeDevice(host.device(SECOND));
    host.kernel.rescan(null);
    const { defaultDomain } = host.group(SECOND);
    expect(host.group(SECOND).number).toBe(host.group(FIRST).number);
    const expected = profile === 'V6_1' ? users : defaultDomain!;
    expect(host.device(SECOND).primaryDomain!.number).toBe(expected.number);
  });

  it('reserved memory of a newcomer is mapped in the domain it was attached to, which is flushed then', () => {
    const rmrr = { base: '1e000000', last: '1e3fffff' };
    const host = Host.boot({ config: { profile }, rmrr });
    host.kernel.removeDevice(host.device());
    const from = host.hardware.length;
    const [device] = host.kernel.rescan(null);
    const [range] = [...device.primaryDomain!.mappings()];
    // A page at a time, or the run at once: then in large pages, the domain being attached.
    expect(range).toMatchObject({ size: 0x400000, pageSize: profile === 'V5_10' ? 4096 : 2 ** 21 });
    const flushes = host.hardware
      .slice(from)
      .flatMap((event) =>
        event.type === 'INVALIDATION' && event.descriptor !== 'WAIT' ? [event.descriptor] : [],
      );
    expect(flushes.includes('IOTLB')).toBe(profile !== 'V5_10');
  });

  it('a newcomer with reserved memory is kept out of the domain of a user, and stays without a group', () => {
    const rmrr = { base: '1e000000', last: '1e0fffff', at: SECOND };
    const host = Host.boot({
      parents: [
        { at: FIRST, vendorId: 0x1234, driver: null, multifunction: true },
        { at: SECOND, vendorId: 0x1234, driver: null, multifunction: true },
      ],
      config: { profile },
      rmrr,
    });
    host.kernel.removeDevice(host.device(SECOND));
    const group = host.group(FIRST);
    host.kernel.attach(host.kernel.allocDomain('pci', 'UNMANAGED'), group);
    const [device] = host.kernel.rescan(null);
    expect(device.group === null).toBe(true);
    expect(group.members).toHaveLength(1);
    expect(host.kernel.log.lines.at(-1)!.text).toBe(
      `pci ${SECOND}: Failed to add to iommu group ${group.number}: -1`,
    );
  });

  it('a device somebody has open is not removed, and nothing is touched', () => {
    const host = vfioHost(profile);
    containerWith(host, [NIC]);
    host.kernel.vfio.openDevice(host.group(NIC), NIC);
    const from = host.events.length;
    expect(errnoOf(() => host.kernel.removeDevice(host.device(NIC)))).toBe('EAGAIN');
    expect(host.events).toHaveLength(from);
    expect(host.device(NIC).driver).toBe('vfio-pci');
  });
});
