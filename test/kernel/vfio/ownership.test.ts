import type { Host } from '../../support/kernel/host.js';
import { U1, codesOf, errnoOf } from '../../support/kernel/host.js';
import { GPU, NIC, NO_SERIES, PROFILES, containerWith, vfioHost } from '../../support/kernel/vfio.js';

/** Two functions of one slot that nothing isolates: one group, one of them with a host driver. */
function sharedHost(profile: (typeof PROFILES)[number], driver: string | null = 'e1000e'): Host {
  return vfioHost(profile, {
    parents: [
      { at: '0000:6b:00.0', vendorId: 0x1234, driver: 'vfio-pci', multifunction: true },
      { at: '0000:6b:00.1', vendorId: 0x1234, driver, multifunction: true },
    ],
  });
}

describe.each(PROFILES)('who has a group under %s', (profile) => {
  it('a host driver on a member is noticed when the group is taken, or only when a device is opened', () => {
    const host = sharedHost(profile);
    const group = host.group('0000:6b:00.0');
    expect(group.members).toHaveLength(2);
    const container = host.kernel.vfio.openContainer(null);
    const add = () => host.kernel.vfio.addGroup(container, group);
    if (profile === 'V6_1') {
      expect([errnoOf(add), codesOf(add)]).toEqual(['EPERM', ['HOST_DRIVER_BOUND']]);
      return;
    }
    add();
    host.kernel.vfio.setIommu(container, 3);
    const open = () => host.kernel.vfio.openDevice(group, '0000:6b:00.0');
    expect([errnoOf(open), codesOf(open)]).toEqual(['EINVAL', ['HOST_DRIVER_BOUND']]);
    // Both functions translate through the user's domain, the one with a host driver too.
    expect(host.device('0000:6b:00.1').primaryDomain).toBe(container.iommu!.domains[0]!.domain);
  });

  it.each(['pci-stub', null])('a member bound to %s keeps nobody off its group', (driver) => {
    const host = sharedHost(profile, driver);
    const container = containerWith(host, ['0000:6b:00.0']);
    const group = host.group('0000:6b:00.0');
    expect(host.kernel.vfio.openDevice(group, '0000:6b:00.0').name).toBe('0000:6b:00.0');
    expect(container.groups.map(({ number }) => number)).toEqual([group.number]);
  });

  it('while a container has a group, no host driver may be bound in it', () => {
    const host = sharedHost(profile, 'vfio-pci');
    const [held, other] = host.group('0000:6b:00.0').members.map(({ name }) => host.device(name));
    const container = containerWith(host, [held.name]);
    host.kernel.unbindDriver(other);
    const bind = () => host.kernel.bindDriver(other, 'e1000e');
    expect(codesOf(bind)).toEqual([profile === 'V6_1' ? 'GROUP_IN_CONTAINER' : 'UNSAFE']);
    host.kernel.vfio.closeContainer(container);
    bind();
    expect(other.driver).toBe('e1000e');
  });

  it('the last device of a group waits for its user, or takes the group from it', () => {
    const host = vfioHost(profile);
    const container = containerWith(host, [NIC]);
    host.kernel.vfio.openDevice(host.group(NIC), NIC);
    const unbind = () => host.kernel.unbindDriver(host.device(NIC));
    expect([errnoOf(unbind), codesOf(unbind)]).toEqual(['EAGAIN', ['DEVICE_IN_USE']]);
    host.kernel.vfio.closeDevice(host.group(NIC), NIC);
    expect(errnoOf(unbind)).toBe(profile === 'V6_1' ? null : 'EAGAIN');
    expect(container.groups).toHaveLength(profile === 'V6_1' ? 0 : 1);
    expect(host.group(NIC).domain === host.group(NIC).defaultDomain).toBe(profile === 'V6_1');
  });

  it('a subdevice in a container waits too, also when only its driver isolates it, or leaves it', () => {
    const host = vfioHost(profile, { config: { options: NO_SERIES } });
    const container = host.kernel.vfio.openContainer(null);
    const subdevice = host.mdev(U1);
    host.kernel.vfio.addGroup(container, subdevice.group!);
    const remove = () => host.kernel.removeMdev(subdevice);
    expect(errnoOf(remove)).toBe(profile === 'V6_1' ? null : 'EAGAIN');
    expect(container.groups).toHaveLength(profile === 'V6_1' ? 0 : 1);
    host.kernel.vfio.closeContainer(container);
    if (profile !== 'V6_1') remove();
    expect(host.kernel.subdevices.size).toBe(0);
  });

  it('a domain of a container is not freed by anybody else', () => {
    const host = vfioHost(profile);
    const { domain } = containerWith(host, [NIC]).iommu!.domains[0]!;
    host.kernel.detach(domain, host.group(NIC));
    expect(errnoOf(() => host.kernel.freeDomain(domain))).toBe('EBUSY');
  });

  it('a backend that refuses one group sends the others back', () => {
    const host = vfioHost(profile, {
      parents: [
        { at: NIC, driver: 'vfio-pci' },
        { at: GPU, driver: 'vfio-pci' },
      ],
      ...(profile === 'V6_1' ? {} : { rmrr: { base: '1e000000', last: '1e0fffff', at: NIC } }),
      ...(profile === 'V6_1' ? { ecap: { IR: 0, EIM: 0 } } : {}),
    });
    const container = host.kernel.vfio.openContainer(null);
    for (const at of [NIC, GPU]) host.kernel.vfio.addGroup(container, host.group(at));
    const domains = host.kernel.domains.size;
    expect(errnoOf(() => host.kernel.vfio.setIommu(container, 3))).toBe('EPERM');
    expect(container).toMatchObject({ iommu: null });
    expect(host.kernel.domains.size).toBe(domains);
    host.kernel.vfio.closeContainer(container);
    for (const at of [NIC, GPU]) expect(host.group(at).domain).toBe(host.group(at).defaultDomain);
  });
});

it('the later kernel blocks a group from the container on, until it gets its domain', () => {
  const host = vfioHost('V6_1');
  const container = host.kernel.vfio.openContainer(null);
  const group = host.group(NIC);
  host.kernel.vfio.addGroup(container, group);
  expect(group.domain).toBe(group.blockingDomain);
  expect(group.domain).toMatchObject({ type: 'UNMANAGED', mappedBytes: 0 });
  expect(errnoOf(() => host.kernel.freeDomain(group.blockingDomain!))).toBe('EBUSY');
  host.kernel.vfio.setIommu(container, 3);
  expect(group.domain).toBe(container.iommu!.domains[0]!.domain);
  host.kernel.vfio.removeGroup(container, group);
  expect(group.domain).toBe(group.defaultDomain);
});
