import type { KernelConfig } from '../../../src/kernel/config.js';
import type { TopologyChange } from '../../../src/kernel/events.js';
import { registerParent } from '../../../src/kernel/mdev/parent.js';
import { registerBusOps } from '../../../src/kernel/iommu/register-bus.js';
import { wholly } from '../../../src/kernel/steps.js';
import { SiovIommuOps } from '../../../src/kernel/siov/ops.js';
import { attachDevicePasid } from '../../../src/kernel/iommu/attach-pasid.js';
import { Host, U1, U2, U3, codesOf, errnoOf, mapping } from '../../support/kernel/host.js';

const OTHER = '0001:03:00.0';
const SUPPORTED = 'DMAR: Intel(R) Scalable I/O Virtualization supported';
const twoVendors = (config: Partial<KernelConfig> = {}) =>
  Host.boot({ parents: [{}, { at: OTHER }], amd: [OTHER], mtty: true, config });

describe('scenario 6: the second vendor registers for the mdev bus first', () => {
  it('keeps it; the refusal is not looked at and success is printed all the same', () => {
    const host = twoVendors();
    expect(host.kernel.buses.get('mdev')!.iommuOps?.name).toBe('amd_iommu_ops');
    expect(host.kernel.subdeviceOpsRegistered).toBe(false);
    expect(host.lines).toContain(SUPPORTED);
  });

  it('leaves the subdevices of the Intel parent without a group', () => {
    const host = twoVendors({ profile: 'V5_10' });
    const [intel, amd] = [host.mdev(U1), host.mdev(U2, OTHER)];
    expect([intel.group, intel.driver, intel.iommuOps?.name]).toEqual([null, null, 'amd_iommu_ops']);
    expect(amd.group?.members).toEqual([amd]);
  });
});

describe.each([
  ['PARENT_DERIVED', ['pci', 'platform', 'mdev']],
  ['BUS_PER_PARENT_TYPE', ['pci', 'platform', 'mdev_pci', 'mdev_platform', 'mdev_virtual']],
] as const)('%s serves each subdevice from its own', (busOrganisation, buses) => {
  const host = twoVendors({ busOrganisation });
  const intel = host.mdev(U1);
  const amd = host.mdev(U2, OTHER);
  const software = host.software(U3);

  it('has these buses', () => expect([...host.kernel.buses.keys()]).toEqual(buses));

  it('gives each the table of its parent, and none to the software parent', () => {
    const tables = [intel, amd, software].map((each) => each.iommuOps?.name ?? null);
    expect(tables).toEqual(['siov_iommu_ops', 'amd_iommu_ops', null]);
    expect(host.kernel.subdeviceOpsRegistered).toBe(true);
  });

  it('gives each a group, and each its driver', () => {
    const groups = [intel, amd, software].map((each) => each.group?.members);
    expect(groups).toEqual([[intel], [amd], [software]]);
    // Later kernels have no driver for all of them.
    const isShared = host.kernel.config.profile !== 'V6_1';
    expect([intel, amd, software].map((each) => each.driver)).toEqual(
      isShared ? ['vfio_mdev', 'vfio_mdev', 'vfio_mdev'] : ['idxd', 'idxd', 'mtty'],
    );
  });

  it('attaches domains for Intel’s, and refuses what it does not model of the other', () => {
    host.kernel.enableFeature(host.device(), 'AUX');
    const domain = host.kernel.allocDomain(intel.bus.name, 'UNMANAGED');
    host.kernel.attach(domain, intel);
    expect(intel.pasid).toBe(1);
    expect(errnoOf(() => host.kernel.attach(domain, amd))).toBe('ENODEV');
    expect(codesOf(() => amd.iommuOps!.domainAlloc('UNMANAGED'))).toEqual(['NOT_MODELLED']);
  });

  it('opens a container for the software one', () => {
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, software.group!);
    expect(errnoOf(() => host.kernel.vfio.setIommu(container, 3))).toBeNull();
  });
});

it('scenario 9: the subdevice of a parent off the PCI bus is made, without a group or a driver', () => {
  const host = Host.boot({ mtty: true, config: { profile: 'V5_10' } });
  const subdevice = host.software(U1);
  expect([subdevice.group, subdevice.driver]).toEqual([null, null]);
  expect(host.kernel.softwareSubdevices.get(U1)).toBe(subdevice);
  host.kernel.removeMdev(subdevice);
  expect(host.kernel.softwareSubdevices.size).toBe(0);
});

it('scenario 9 where AUX is required: it is not made, because nothing would serve it', () => {
  const host = Host.boot({ mtty: true, config: { auxRequirement: 'REQUIRED' } });
  const events = host.events.length;
  expect(errnoOf(() => host.software(U1))).toBe('EINVAL');
  expect(host.kernel.softwareSubdevices.size).toBe(0);
  expect(host.events).toHaveLength(events);
});

it.each(['V5_15', 'V6_1'] as const)('scenario 9 in %s: the driver’s refusal fails the create', (profile) => {
  const host = Host.boot({ mtty: true, config: { profile } });
  expect(errnoOf(() => host.software(U1))).toBe('EINVAL');
  expect(host.kernel.softwareSubdevices.size).toBe(0);
});

it.each(['V5_10', 'V5_15'] as const)(
  'scenario 11 in %s: in mainline its driver makes the group',
  (profile) => {
    const host = Host.boot({ mtty: true, config: { profile, subdeviceModel: 'AUX_API' } });
    const lines = host.linesOf(() => host.software(U1));
    expect(lines).toEqual([
      `vfio_mdev ${U1}: Adding to iommu group 1`,
      `vfio_mdev ${U1}: MDEV: group_id = 1`,
    ]);
  },
);

it('scenario 12: without patch 5/5 the driver’s own group comes second, and it gives up', () => {
  const host = Host.boot({ config: { profile: 'V5_10', options: { CONFIG_SIOV_SERIES_VFIO: 'n' } } });
  const lines = host.linesOf(() => host.mdev(U1));
  expect(lines).toEqual([
    `mdev ${U1}: Adding to iommu group 1`,
    `vfio_mdev ${U1}: Failed to add to iommu group 2: -17`,
    `vfio_mdev: probe of ${U1} failed with error -17`,
  ]);
  const subdevice = host.kernel.subdevices.get(U1)!;
  expect([subdevice.group?.number, subdevice.driver]).toEqual([1, null]);
  expect([...host.kernel.groups.keys()]).toEqual([0, 1]);
});

it('scenario 13: operations that come late fail on a parent off the PCI bus, and all is taken back', () => {
  const options = { CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n', CONFIG_VFIO_MDEV_DEVICE: 'n' };
  const host = Host.boot({ mtty: true, config: { options } });
  const first = host.mdev(U1);
  host.software(U2);
  const bus = host.kernel.buses.get('mdev')!;
  const lines = host.linesOf(() =>
    expect(errnoOf(() => wholly(registerBusOps(host.state, bus, new SiovIommuOps(host.state))))).toBe(
      'EINVAL',
    ),
  );
  expect(lines).toEqual([`mdev ${U1}: Adding to iommu group 1`, `mdev ${U1}: Removing from iommu group 1`]);
  expect([bus.iommuOps, first.group, first.unit]).toEqual([null, null, null]);
});

/**
 * Acts in the middle of a change, as soon as an event of it is told: commands come one after the other, so
 * nobody else meets a change half done.
 */
function meanwhile<T>(host: Host, change: TopologyChange, act: () => T): T[] {
  const results: T[] = [];
  host.events.push = (...events) => {
    const isNow = events.some((event) => event.type === 'TOPOLOGY' && event.change === change);
    if (isNow && results.length === 0) results.push(act());
    return Array.prototype.push.apply(host.events, events);
  };
  return results;
}

describe('parents', () => {
  it('scenario 61: while a parent leaves, nothing more is made of it', () => {
    const host = Host.boot();
    host.mdev(U1);
    const during = meanwhile(host, 'LEFT_GROUP', () => errnoOf(() => host.mdev(U2)));
    host.kernel.unbindDriver(host.device());
    expect(during).toEqual(['ENODEV']);
    expect([host.kernel.subdevices.size, host.kernel.groups.size]).toEqual([0, 1]);
    expect(codesOf(() => host.mdev(U2))).toEqual(['NO_SUCH_TYPE']);
  });

  it('scenario 62: types that share the ports of one driver', () => {
    const host = Host.boot({ mtty: true, config: { options: { CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n' } } });
    const counts = () =>
      host.kernel.mdevTypes(host.kernel.softwareParents.get('mtty')!).map((type) => type.availableInstances);
    expect(counts()).toEqual([24, 12]);
    const one = host.software(U1, 'mtty-2');
    expect(counts()).toEqual([22, 11]);
    host.kernel.removeMdev(one);
    expect(counts()).toEqual([24, 12]);
  });

  it('scenario 64: a second removal meets the first', () => {
    const host = Host.boot();
    const subdevice = host.mdev(U1);
    const during = meanwhile(host, 'LEFT_GROUP', () => errnoOf(() => host.kernel.removeMdev(subdevice)));
    host.kernel.removeMdev(subdevice);
    expect(during).toEqual(['EAGAIN']);
    expect(errnoOf(() => host.kernel.removeMdev(subdevice))).toBe('ENODEV');
  });

  it('scenario 65: a parent is registered once, with all that is mandatory', () => {
    const host = Host.boot({ mtty: true });
    const mtty = host.kernel.softwareParents.get('mtty')!;
    expect(errnoOf(() => registerParent(host.state, mtty))).toBe('EEXIST');
    expect(errnoOf(() => registerParent(host.state, mtty, ['remove', 'supported_type_groups']))).toBe(
      'EINVAL',
    );
  });
});

describe('the test framework beside mdev', () => {
  const options = { CONFIG_SUBDEV_TEST: 'y' };
  const make = (host: Host) => host.kernel.createMdev(host.device(), 'idxd-1dwq-v1', U1, 'subdev-test');

  it('as posted, nothing on it has a parent', () => {
    const host = Host.boot({ config: { options } });
    const subdevice = make(host);
    expect([subdevice.bus.name, subdevice.iommuOps?.name]).toEqual(['subdev-test', 'siov_iommu_ops']);
    expect(subdevice.group).toBeNull();
    expect(host.mdev(U2).group).not.toBeNull();
  });

  it('by the driver core’s pointer, a subdevice on it is served like a mediated one', () => {
    const host = Host.boot({ config: { options, parentLookup: 'DEVICE_CORE' } });
    const subdevice = make(host);
    host.kernel.enableFeature(host.device(), 'AUX');
    host.kernel.attach(host.kernel.allocDomain('subdev-test', 'UNMANAGED'), subdevice);
    expect(subdevice.pasid).toBe(1);
    expect(host.kernel.reservedRegions(subdevice)).toHaveLength(1);
  });

  it('is not there unless built', () => {
    expect(errnoOf(() => make(Host.boot()))).toBe('ENODEV');
  });
});

describe.each(['V5_10', 'V5_15'] as const)('AUX_API in %s', (profile) => {
  const boot = (config: Partial<KernelConfig> = {}) =>
    Host.boot({
      config: { profile, subdeviceModel: 'AUX_API', commandLine: 'intel_iommu=on,sm_on', ...config },
    });

  it('has no operations on the mdev bus and says nothing of Scalable I/O Virtualization', () => {
    const host = boot();
    expect(host.kernel.buses.get('mdev')!.iommuOps).toBeNull();
    expect(host.lines).not.toContain(SUPPORTED);
  });

  it('scenario 58: the group of a subdevice has no reserved regions', () => {
    const host = boot();
    expect(host.kernel.groupReservedRegions(host.mdev(U1).group!)).toEqual([]);
  });

  it('attaches a domain of the PCI bus to the parent, under a PASID', () => {
    const host = boot();
    const subdevice = host.mdev(U1);
    host.kernel.enableFeature(host.device(), 'AUX');
    const before = host.group().domain;
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.attach(domain, subdevice.group!);
    expect([subdevice.pasid, subdevice.domain]).toEqual([1, domain]);
    expect([host.group().domain, subdevice.group!.domain]).toEqual([before, null]);
    host.kernel.map(domain, mapping('0x1000', '0x7000', '0x1000'));
    expect(host.dma('READ', '0x1000', 1)).toEqual({ physical: '0x7000' });
    host.kernel.detach(domain, subdevice);
    expect([subdevice.pasid, subdevice.domain]).toEqual([null, null]);
    expect(host.dma('READ', '0x1000', 1)).toEqual({ reason: 0x59 });
  });

  it('without AUX takes the parent, whose group keeps the default domain for afterwards', () => {
    const host = boot();
    const [first, second] = [host.mdev(U1), host.mdev(U2)];
    const [domain, other] = [1, 2].map(() => host.kernel.allocDomain('pci', 'UNMANAGED'));
    const { warnings } = host.kernel.attach(domain, first);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('goes back to its default domain at detach');
    expect([host.device().primaryDomain, first.domain]).toEqual([domain, domain]);
    expect(errnoOf(() => host.kernel.attach(other, second))).toBe('EBUSY');
    host.kernel.detach(domain, first);
    expect(host.device().primaryDomain).toBe(host.group().defaultDomain);
  });

  it('with AUX required, refuses and touches nothing', () => {
    const host = boot({ auxRequirement: 'REQUIRED' });
    const primary = host.device().primaryDomain;
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    expect(errnoOf(() => host.kernel.attach(domain, host.mdev(U1)))).toBe('EPERM');
    expect(host.device().primaryDomain).toBe(primary);
  });

  it('switched off before the detach, the auxiliary attachment stays', () => {
    const host = boot();
    const subdevice = host.mdev(U1);
    host.kernel.enableFeature(host.device(), 'AUX');
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.attach(domain, subdevice);
    host.kernel.disableFeature(host.device(), 'AUX');
    host.kernel.detach(domain, subdevice);
    expect(subdevice.pasid).toBe(1);
    expect(host.device().primaryDomain).toBe(host.group().defaultDomain);
  });

  it('one domain for two subdevices of a parent', () => {
    const host = boot();
    host.kernel.enableFeature(host.device(), 'AUX');
    const [first, second] = [host.mdev(U1), host.mdev(U2)];
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.attach(domain, first);
    const codes = codesOf(() => host.kernel.attach(domain, second));
    expect(codes).toEqual(profile === 'V5_10' ? ['UNSAFE'] : []);
    expect(second.pasid).toBe(profile === 'V5_10' ? null : 1);
  });

  it('a container attaches the group through its parent', () => {
    const host = boot();
    host.kernel.enableFeature(host.device(), 'AUX');
    const subdevice = host.mdev(U1);
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, subdevice.group!);
    host.kernel.vfio.setIommu(container, 3);
    expect(subdevice.attachment).toMatchObject({ kind: 'AUX', pasid: 1 });
    host.kernel.vfio.removeGroup(container, subdevice.group!);
    expect(subdevice.attachment).toBeNull();
  });
});

describe('PASID_ATTACH', () => {
  const boot = () => Host.boot({ config: { profile: 'V6_1', subdeviceModel: 'PASID_ATTACH' } });

  it('a subdevice has neither operations nor a group, and the driver of its parent', () => {
    const host = boot();
    const subdevice = host.mdev(U1);
    expect([subdevice.iommuOps, subdevice.group, subdevice.driver]).toEqual([null, null, 'idxd']);
  });

  it('attaches to a PASID of the parent, in tables that outlive its primary domain', () => {
    const host = boot();
    const [first, second] = [host.mdev(U1), host.mdev(U2)];
    const [domain, other] = [1, 2].map(() => host.kernel.allocDomain('pci', 'UNMANAGED'));
    host.kernel.attach(domain, first);
    host.kernel.attach(other, second);
    expect([first.pasid, second.pasid]).toEqual([1, 2]);
    expect([first.attachment!.kind, first.attachment!.device]).toEqual(['PASID', host.device()]);
    host.kernel.map(domain, mapping('0x1000', '0x7000', '0x1000'));
    expect(host.dma('READ', '0x1000', 1)).toEqual({ physical: '0x7000' });
  });

  it('a primary domain that changes leaves what is attached to PASIDs', () => {
    const host = boot();
    const subdevice = host.mdev(U1);
    const [domain, primary] = [1, 2].map(() => host.kernel.allocDomain('pci', 'UNMANAGED'));
    host.kernel.attach(domain, subdevice);
    host.kernel.map(domain, mapping('0x1000', '0x7000', '0x1000'));
    host.kernel.attach(primary, host.device());
    expect(host.dma('READ', '0x1000', 1)).toEqual({ physical: '0x7000' });
    host.kernel.detach(primary, host.device());
    host.kernel.detach(domain, subdevice);
    expect(host.dma('READ', '0x1000', 1)).toEqual({ reason: 0x59 });
    expect(subdevice.pasid).toBeNull();
    host.kernel.attach(primary, subdevice);
    expect(subdevice.pasid).toBe(1);
  });

  it('a PASID that is taken is EBUSY, PASID 0 and a foreign domain EINVAL', () => {
    const host = boot();
    const subdevice = host.mdev(U1);
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.attach(domain, subdevice);
    expect(errnoOf(() => host.kernel.attach(domain, subdevice))).toBe('EBUSY');
    const direct = (pasid: number) => () =>
      attachDevicePasid(host.state, domain, host.device(), pasid, host.device());
    expect(errnoOf(direct(1))).toBe('EBUSY');
    expect(errnoOf(direct(0))).toBe('EINVAL');
    expect(errnoOf(direct(7))).toBeNull();
  });

  it('without a group it is ENODEV, without PASIDs EOPNOTSUPP', () => {
    const away = Host.boot({
      units: [{ devices: ['0000:6b:00.0'] }],
      parents: [{}, { at: '0000:6b:00.0', pasidWidth: null }],
      config: { profile: 'V6_1', subdeviceModel: 'PASID_ATTACH' },
    });
    const domain = away.kernel.allocDomain('pci', 'UNMANAGED');
    expect(errnoOf(() => away.kernel.attach(domain, away.mdev(U1)))).toBe('ENODEV');
    const direct = () => attachDevicePasid(away.state, domain, away.device('0000:6b:00.0'), 1, away.device());
    expect(errnoOf(direct)).toBe('EOPNOTSUPP');
  });
});

describe('scenario 95: the type of a group', () => {
  // That V6_1 looks at the default domain first is in ../shared/data/qemu-linux/topology/mdev-mtty/ops.txt.
  it.each([
    ['V5_15', 'EBUSY'],
    ['V6_1', 'EINVAL'],
  ] as const)('of a subdevice in %s: bound %s, unbound EINVAL', (profile, bound) => {
    const host = Host.boot({ config: { profile } });
    const subdevice = host.mdev(U1);
    expect(errnoOf(() => host.kernel.setGroupType(subdevice.group!, 'identity'))).toBe(bound);
    subdevice.driver = null;
    expect(errnoOf(() => host.kernel.setGroupType(subdevice.group!, 'identity'))).toBe('EINVAL');
    expect(errnoOf(() => host.kernel.setGroupType(subdevice.group!, 'unmanaged'))).toBe('EINVAL');
  });

  it('of a function without a driver changes, and the old default domain goes', () => {
    const host = Host.boot({ config: { profile: 'V5_15' }, parents: [{ driver: null }] });
    const old = host.group().defaultDomain!;
    host.kernel.setGroupType(host.group(), 'identity');
    expect(host.group().defaultDomain?.type).toBe('IDENTITY');
    expect(host.kernel.domains.has(old.number)).toBe(false);
    expect(host.dma('READ', '0x5000')).toEqual({ physical: '0x5000' });
    host.kernel.setGroupType(host.group(), 'DMA');
    expect(host.group().domain).toBe(host.device().primaryDomain);
  });

  it('is read-only in V5_10', () => {
    const host = Host.boot({ config: { profile: 'V5_10' } });
    expect(errnoOf(() => host.kernel.setGroupType(host.group(), 'DMA'))).toBe('EACCES');
  });
});

it.each([
  ['V6_1', 'AUX_API'],
  ['V5_10', 'PASID_ATTACH'],
  ['V5_15', 'PASID_ATTACH'],
] as const)('%s with %s is refused when the kernel is made', (profile, subdeviceModel) => {
  expect(() => new Host({ config: { profile, subdeviceModel } })).toThrow(
    expect.objectContaining({ name: 'KernelConfigError', option: 'subdeviceModel' }),
  );
});
