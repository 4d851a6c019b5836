import { unitWithout } from '../../support/kernel/units.js';
import { Host, PARENT, U1, U2, errnoOf } from '../../support/kernel/host.js';
import { registerBusOps } from '../../../src/kernel/iommu/register-bus.js';
import { wholly } from '../../../src/kernel/steps.js';

const SUPPORTED = 'DMAR: Intel(R) Scalable I/O Virtualization supported';
const FINAL = 'DMAR: Intel(R) Virtualization Technology for Directed I/O';

it('scenario 1: subdevice operations are registered, and said so before the final line', () => {
  const host = Host.boot();
  expect(host.kernel.buses.get('mdev')!.iommuOps?.name).toBe('siov_iommu_ops');
  expect(host.kernel.subdeviceOpsRegistered).toBe(true);
  const [at, end] = [SUPPORTED, FINAL].map((line) => host.lines.indexOf(line));
  expect(at).toBeGreaterThan(0);
  expect(end).toBe(at + 1);
});

it.each([
  ['scenario 2: one of two units lacks SMTS', { units: [unitWithout('SMTS'), {}] }],
  ['scenario 3: the switch is off', { config: { commandLine: 'intel_iommu=on,sm_off' } }],
  ['scenario 4: a unit lacks PASID', { ecap: { PASID: 0, PSS: 0 } }],
  [
    'decision table: the build option is n',
    { config: { options: { CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n' } } },
  ],
  ['decision table: the IOMMU is off', { config: { commandLine: 'intel_iommu=off,sm_on' } }],
])('%s: no subdevice operations', (_title, plan) => {
  const host = Host.boot({ parents: [{}, { at: '0000:6b:00.0' }], ...plan });
  expect(host.kernel.buses.get('mdev')!.iommuOps).toBeNull();
  expect(host.lines).not.toContain(SUPPORTED);
});

it('scenario 5: a bus that has operations refuses others with EBUSY', () => {
  const host = Host.boot();
  const bus = host.kernel.buses.get('mdev')!;
  const state = (host.kernel as unknown as { state: Parameters<typeof registerBusOps>[0] }).state;
  expect(errnoOf(() => wholly(registerBusOps(state, bus, host.kernel.buses.get('pci')!.iommuOps!)))).toBe(
    'EBUSY',
  );
  expect(bus.iommuOps?.name).toBe('siov_iommu_ops');
});

describe('scenario 7: a subdevice', () => {
  it('gets the lowest free group, no default domain and no domain id', () => {
    const host = Host.boot();
    const unit = host.kernel.units[0];
    const before = unit.domainIdsUsed;
    const subdevice = host.mdev(U1);
    expect(subdevice.group).toMatchObject({ number: 1, defaultDomain: null, domain: null });
    expect(subdevice.group!.members).toEqual([subdevice]);
    expect(subdevice.group!.reasons.map((reason) => reason.kind)).toEqual(['SUBDEVICE']);
    expect(subdevice.unit?.name).toBe('dmar0');
    expect(unit.domainIdsUsed).toBe(before);
    expect(host.lines.at(-1)).toBe(`mdev ${U1}: Adding to iommu group 1`);
    expect(
      host.events.some((event) => event.type === 'ATTACHMENT' && event.endpoint.kind === 'Subdevice'),
    ).toBe(false);
  });
});

it('scenario 8: two subdevices of one parent are in different groups', () => {
  const host = Host.boot();
  expect(host.mdev(U1).group).not.toBe(host.mdev(U2).group);
});

it('scenario 10: the subdevice of a parent no unit serves is made, without a group', () => {
  const host = Host.boot({
    units: [{ devices: ['0000:6b:00.0'] }],
    parents: [{}, { at: '0000:6b:00.0' }],
    config: { profile: 'V5_10' },
  });
  expect(host.device().group).toBeNull();
  const subdevice = host.mdev(U1);
  expect(subdevice.group).toBeNull();
  expect(host.kernel.subdevices.get(U1)).toBe(subdevice);
});

it.each(['V5_15', 'V6_1'] as const)('scenario 10 in %s: the driver’s refusal fails the create', (profile) => {
  const host = Host.boot({
    units: [{ devices: ['0000:6b:00.0'] }],
    parents: [{}, { at: '0000:6b:00.0' }],
    config: { profile },
  });
  expect(errnoOf(() => host.mdev(U1))).toBe('EINVAL');
  expect(host.lines.at(-1)).toBe(
    `${profile === 'V6_1' ? 'idxd' : 'vfio_mdev'}: probe of ${U1} failed with error -22`,
  );
  expect(host.kernel.subdevices.size).toBe(0);
});

it('scenario 14: removing a subdevice removes its group, whose number is used again', () => {
  const host = Host.boot();
  host.kernel.removeMdev(host.mdev(U1));
  expect(host.kernel.subdevices.size).toBe(0);
  expect([...host.kernel.groups.keys()]).toEqual([0]);
  expect(host.lines.at(-1)).toBe(`mdev ${U1}: Removing from iommu group 1`);
  expect(host.mdev(U2).group?.number).toBe(1);
});

it('scenario 15: with iommu=pt the parent is in the identity domain, the subdevice in none', () => {
  const host = Host.boot({ config: { commandLine: 'intel_iommu=on,sm_on iommu=pt' } });
  expect(host.group().defaultDomain?.type).toBe('IDENTITY');
  const lines = host.linesOf(() => host.mdev(U1));
  expect(host.kernel.subdevices.get(U1)!.group!.defaultDomain).toBeNull();
  expect(lines).toEqual([`mdev ${U1}: Adding to iommu group 1`]);
  expect(host.dma('READ', '0x5000')).toEqual({ physical: '0x5000' });
});

it('prints the boot lines of a default host in order', () => {
  expect(Host.boot({ config: { profile: 'V5_10' } }).lines).toEqual([
    'DMAR: IOMMU enabled',
    'DMAR: Intel-IOMMU: scalable mode supported',
    'DMAR: Host address width 46',
    'DMAR: DRHD base: 0x000000fed90000 flags: 0x1',
    expect.stringMatching(/^DMAR: dmar0: reg_base_addr fed90000 ver 5:0 cap [0-9a-f]+ ecap [0-9a-f]+$/),
    'DMAR-IR: Queued invalidation will be enabled to support x2apic and Intr-remapping.',
    'DMAR-IR: Enabled IRQ remapping in x2apic mode',
    'iommu: Default domain type: Translated ',
    'DMAR: No RMRR found',
    'DMAR: No ATSR found',
    'DMAR: dmar0: Using Queued invalidation',
    'dmar0 SVM disabled, incompatible 1GB page capability',
    `pci ${PARENT}: Adding to iommu group 0`,
    SUPPORTED,
    FINAL,
    `idxd ${PARENT}: MDEV: Registered`,
  ]);
});

it('without a DMAR table nothing is translated and nothing has a group', () => {
  const host = Host.boot({ withoutTable: true });
  expect(host.lines[2]).toBe('iommu: Default domain type: Translated ');
  expect(host.device().group).toBeNull();
  expect(host.dma('READ', '0x5000')).toEqual({ physical: '0x5000' });
});
