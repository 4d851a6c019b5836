import { Platform } from '../../../src/platform/platform.js';
import { type Finding, findingsOf } from '../../../src/platform/findings/index.js';
import { kernelConfig } from '../../../src/platform/kernel-choice.js';
import { templates } from '../../../src/platform/templates/index.js';
import { subjectView } from '../../../src/graphql/views.js';
import { u64 } from '../../../src/bits/u64.js';
import { Host, type HostPlan, PARENT, U1, U2, U3, mapping, range } from '../../support/kernel/host.js';

function findings(host: Host, code?: string): Finding[] {
  const { kernel, machine } = host;
  const all = findingsOf({ kernel, machine, dmar: host.dmar });
  return code === undefined ? all : all.filter((each) => each.code === code);
}

const codes = (host: Host) => [...new Set(findings(host).map(({ code }) => code))];

/** A host without anything to complain of but what a test does. */
function quiet(plan: HostPlan = {}): Host {
  const host = Host.boot(plan);
  host.kernel.enableFeature(host.device(), 'AUX');
  return host;
}

it('finds nothing on a host whose parent has its AUX feature on', () => {
  expect(findings(quiet())).toEqual([]);
});

describe('a domain attached to a subdevice while AUX is off', () => {
  it('took the translation of the parent, and every sibling harmed is named with how', () => {
    const host = quiet();
    const [one, two, three] = [U1, U2, U3].map((uuid) => host.mdev(uuid));
    const inUse = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.attach(inUse, two);
    host.kernel.disableFeature(host.device(), 'AUX');
    const replacing = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.attach(replacing, one);
    const [found] = findings(host, 'PARENT_TRANSLATION_REPLACED');
    expect(found).toMatchObject({ severity: 'ERROR', subject: { kind: 'Device', name: PARENT } });
    expect(found.message).toContain(`Domain ${replacing.number} was attached to subdevice ${U1}`);
    expect(found.message).toContain(`${U2} (domain ${inUse.number} translates nothing any more)`);
    expect(found.message).toContain(`${three.uuid} (its next attach evicts this domain)`);
    expect(findings(host, 'ATTACHMENT_LEAKED')).toHaveLength(1);
  });

  it('leaves the parent without a domain once detached', () => {
    const host = Host.boot();
    const subdevice = host.mdev(U1);
    const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.attach(domain, subdevice);
    host.kernel.detach(domain, subdevice);
    expect(findings(host, 'DEVICE_WITHOUT_DOMAIN')).toMatchObject([
      { severity: 'ERROR', subject: { kind: 'Device', name: PARENT } },
    ]);
    expect(host.dma('READ', '0x1000')).toHaveProperty('reason');
  });

  it('is foretold while nothing is attached', () => {
    const host = Host.boot();
    expect(findings(host, 'MDEV_PARENT_WITHOUT_AUX')).toMatchObject([
      { severity: 'WARNING', subject: { kind: 'Device', name: PARENT } },
    ]);
  });
});

it('reports an attachment that leaked when AUX was switched off before the detach', () => {
  const host = quiet();
  const subdevice = host.mdev(U1);
  const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
  host.kernel.attach(domain, subdevice);
  host.kernel.disableFeature(host.device(), 'AUX');
  host.kernel.detach(domain, subdevice);
  const [found] = findings(host, 'ATTACHMENT_LEAKED');
  expect(found.subject).toEqual({ kind: 'Domain', number: domain.number });
  expect(found.message).toContain('PASID 1');
});

it('reports the second domain a group without a default domain took', () => {
  const host = quiet();
  const subdevice = host.mdev(U1);
  const [first, second] = [0, 1].map(() => host.kernel.allocDomain('mdev', 'UNMANAGED'));
  host.kernel.attach(first, subdevice);
  expect(codes(host)).toEqual([]);
  host.kernel.attach(second, subdevice);
  const [found] = findings(host, 'SECOND_ATTACH');
  expect(found.message).toContain(`domains ${first.number} (PASID 1) and ${second.number} (PASID 2)`);
});

describe('a PASID a domain kept after its last detach', () => {
  const attachedAgain = (plan: HostPlan = {}) => {
    const host = quiet(plan);
    const subdevice = host.mdev(U1);
    const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
    for (const step of ['attach', 'detach', 'attach'] as const) host.kernel[step](domain, subdevice);
    return { host, domain };
  };

  it('is reported while the number is free for others', () => {
    const { host, domain } = attachedAgain();
    expect(findings(host, 'PASID_NOT_OWNED')).toMatchObject([{ subject: domain.subject }]);
    expect(codes(host)).toEqual(['PASID_NOT_OWNED']);
    host.kernel.detach(domain, host.kernel.subdevices.get(U1)!);
    expect(codes(host)).toEqual([]);
  });

  it('names both domains once another was given it on another parent', () => {
    const other = '0000:6b:00.0';
    const { host, domain } = attachedAgain({ parents: [{}, { at: other }] });
    host.kernel.enableFeature(host.device(other), 'AUX');
    const second = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.attach(second, host.mdev(U2, other));
    const [found] = findings(host, 'PASID_SHARED');
    expect(found.message).toContain(
      `Domains ${domain.number} (on ${PARENT}) and ${second.number} (on ${other}) use PASID 1`,
    );
    expect(findings(host, 'PASID_NOT_OWNED')).toEqual([]);
  });
});

it('reports a subdevice that has no group because no unit serves its parent', () => {
  const host = Host.boot({ parents: [{}, { at: '0000:6b:00.0' }], units: [{ devices: [PARENT] }] });
  const subdevice = host.mdev(U1, '0000:6b:00.0');
  expect(subdevice.group).toBeNull();
  expect(findings(host, 'SUBDEVICE_WITHOUT_GROUP')).toMatchObject([
    { severity: 'WARNING', subject: { kind: 'Subdevice', name: U1 } },
  ]);
});

it('reports a software subdevice that has no group since the bus has operations', () => {
  const host = Host.boot({ mtty: true });
  host.software(U1);
  const [found] = findings(host, 'SUBDEVICE_WITHOUT_GROUP');
  expect(found.subject).toEqual({ kind: 'SoftwareSubdevice', name: U1 });
  expect(found.message).toContain('siov_iommu_ops refused its parent mtty');

  const without = Host.boot({ mtty: true, config: { options: { CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n' } } });
  without.software(U1);
  expect(codes(without)).not.toContain('SUBDEVICE_WITHOUT_GROUP');
});

it('says of a parent without AUX that attaching is refused where AUX is required', () => {
  const [found] = findings(Host.boot({ config: { auxRequirement: 'REQUIRED' } }), 'MDEV_PARENT_WITHOUT_AUX');
  expect(found.message).toContain('attaching a domain to one of them is refused');
});

it('reports every device no unit covers', () => {
  const host = Host.boot({
    parents: [{}, { at: '0000:6b:00.0' }],
    units: [{ devices: [PARENT] }],
  });
  expect(findings(host, 'DEVICE_NOT_COVERED')).toMatchObject([
    { subject: { kind: 'Device', name: '0000:6b:00.0' } },
  ]);
});

it('reports a device of a segment no unit is for, naming the segment', () => {
  const host = Host.boot({ parents: [{}, { at: '0001:00:01.0' }] });
  const found = findings(host, 'DEVICE_NOT_COVERED');
  expect(found.map(({ subject }) => subject)).toEqual([{ kind: 'Device', name: '0001:00:01.0' }]);
  expect(found[0].message).toContain('no unit takes the rest of segment 0001');
});

it('reports a disk that shares its group, once for the group, naming who is with it', () => {
  const plan = { vendorId: 0x1b21, siov: false, pasidWidth: null, ats: false, driver: 'ahci' };
  const host = Host.boot({
    parents: [
      { ...plan, at: '0000:6a:01.0', multifunction: true },
      { ...plan, at: '0000:6a:01.1', classCode: 0x010601, multifunction: true },
    ],
  });
  const [found, ...rest] = findings(host, 'GROUP_WITH_MASS_STORAGE');
  expect(rest).toEqual([]);
  expect(found.subject).toEqual({ kind: 'Group', number: host.group().number });
  expect(found.message).toContain('0000:6a:01.1 is in group 0 with 0000:6a:01.0');
});

it('tells locked reserved memory from one of a display', () => {
  const rmrr = { base: '8b800000', last: '8fffffff' };
  expect(findings(Host.boot({ rmrr }), 'RMRR_LOCKED')).toMatchObject([{ severity: 'WARNING' }]);
  const display = Host.boot({ rmrr, parents: [{ classCode: 0x030000 }] });
  expect(findings(display, 'RMRR_RELAXABLE')).toMatchObject([{ severity: 'INFO' }]);
  expect(findings(display, 'RMRR_LOCKED')).toEqual([]);
});

describe('capabilities of units', () => {
  const two = (ecap: object): Host => Host.boot({ units: [{ devices: [PARENT], ecap }, {}] });

  it('that differ in scalable mode name the unit without it, and what becomes of it', () => {
    const host = two({ SMTS: 0, PASID: 0, SSTS: 0, PSS: 0 });
    expect(findings(host, 'SCALABLE_MODE_INCONSISTENT')).toMatchObject([
      { subject: { kind: 'IommuUnit', name: 'dmar0' } },
    ]);
    expect(findings(host, 'SCALABLE_MODE_OFF')[0].message).toContain('Not supported by dmar0');
    expect(findings(host, 'PASID_INCONSISTENT')).toHaveLength(1);
  });

  it('that differ in the width of PASIDs are one finding', () => {
    expect(codes(two({ PSS: 9 }))).toEqual(['PASID_WIDTH_INCONSISTENT', 'MDEV_PARENT_WITHOUT_AUX']);
  });

  it('without a switch are a mode that is off', () => {
    const host = Host.boot({ config: { commandLine: 'intel_iommu=on intremap=off' } });
    expect(codes(host)).toEqual(['INTERRUPT_REMAPPING_OFF', 'SCALABLE_MODE_OFF']);
  });
});

it('says when DMA is not remapped at all, and when there is no table', () => {
  expect(findings(Host.boot({ config: { commandLine: 'intel_iommu=off' } }), 'REMAPPING_OFF')).toHaveLength(
    1,
  );
  expect(codes(Host.boot({ withoutTable: true }))).toEqual(['NO_DMAR_TABLE']);
});

describe('firmware', () => {
  it('with a region that ends before it begins', () => {
    const host = Host.boot({ rmrr: { base: '2000', last: '1fff' } });
    expect(findings(host, 'FIRMWARE_RMRR_INVALID')[0].message).toContain('0x2000-0x1fff');
  });

  it('with a unit at address 0', () => {
    const host = Host.boot();
    const dmar = {
      ...host.dmar!,
      structures: host.dmar!.structures.map((each) =>
        each.kind === 'DRHD' ? { ...each, registerBase: u64(0, 0) } : each,
      ),
    };
    const all = findingsOf({ kernel: host.kernel, machine: host.machine, dmar });
    expect(all[0]).toMatchObject({ code: 'FIRMWARE_UNIT_BASE_ZERO', severity: 'ERROR' });
  });

  it('with a scope that names no device', () => {
    const host = Host.boot({ units: [{ devices: ['0000:6a:1e.0'] }, {}] });
    expect(findings(host, 'FIRMWARE_SCOPE_ABSENT')[0].message).toContain('0000:6a:1e.0');
  });
});

describe('hardware', () => {
  it('with a fault record nobody read', () => {
    const host = quiet();
    // The event is masked, so the kernel does not hear of the fault. Spec: VT-d 11.4.7.2, FECTL.IM.
    host.machine.units[0].writeRegister(0x38, 4, u64(0, 0x80000000));
    expect(host.dma('READ', '0x5000')).toHaveProperty('reason');
    const [found] = findings(host, 'FAULT_PENDING');
    expect(found).toMatchObject({ severity: 'WARNING', subject: { kind: 'IommuUnit', name: 'dmar0' } });
    expect(found.message).toContain(PARENT);
  });

  it('with a device-TLB entry the tables no longer give', () => {
    const host = quiet({ parents: [{ ats: true }] });
    const domain = host.group().defaultDomain!;
    host.kernel.map(domain, mapping('5000', '40005000', '1000'));
    host.dma('READ', '0x5000', null, PARENT, 'DEVICE_TLB');
    expect(findings(host, 'STALE_DEVICE_TLB')).toEqual([]);
    // The leaf is cleared behind the driver's back; an unmap would have told the device.
    domain.table.clear(5, 5);
    const [found] = findings(host, 'STALE_DEVICE_TLB');
    expect(found).toMatchObject({ severity: 'ERROR', subject: { kind: 'Device', name: PARENT } });
    host.kernel.unmap(domain, range('5000', '1000'));
  });
});

it.each(templates)(
  'gives every finding of the template $name a subject that exists, gravest first',
  (template) => {
    const description = template.describe();
    const platform = new Platform({
      name: 'demo',
      origin: 'TEMPLATE',
      createdAt: 0,
      description,
      kernel: kernelConfig(description.commandLine, {}),
      warnings: [],
    });
    const all = findingsOf({ kernel: platform.kernel, machine: platform.machine, dmar: description.dmar });
    expect(all.length).toBeGreaterThan(0);
    const weights = all.map(({ severity }) => ['ERROR', 'WARNING', 'INFO'].indexOf(severity));
    expect(weights).toEqual([...weights].sort());
    for (const { subject, message } of all) {
      if (subject !== null) expect(subjectView(platform, subject)).not.toBeNull();
      expect(message).toMatch(/\.$/);
    }
  },
);

it('reports reserved memory that is too long to be meant, and boots all the same', () => {
  const host = Host.boot({ rmrr: { base: '0x7a000000', last: '0x800007a00ffff' } });
  expect(findings(host, 'FIRMWARE_RMRR_TOO_LONG')).toMatchObject([{ severity: 'ERROR' }]);
  expect(host.dma('READ', '0x7a000000')).toHaveProperty('reason');
});
