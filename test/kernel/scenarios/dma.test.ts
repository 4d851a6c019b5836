import type { KernelLogged } from '../../../src/kernel/events.js';
import type { Domain } from '../../../src/kernel/iommu/domain.js';
import type { Subdevice } from '../../../src/kernel/mdev/subdevice.js';
import { Host, type HostPlan, PARENT, U1, address, mapping, range } from '../../support/kernel/host.js';

function attached(plan: HostPlan = {}): { host: Host; domain: Domain; subdevice: Subdevice } {
  const host = Host.boot(plan);
  host.kernel.enableFeature(host.device(), 'AUX');
  const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
  const subdevice = host.mdev(U1);
  host.kernel.attach(domain, subdevice);
  return { host, domain, subdevice };
}

it('scenario 85: a write under the PASID passes to a writable page and faults on a read-only one', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('1000', '40001000', '1000'));
  host.kernel.map(domain, mapping('2000', '40002000', '1000', 'r'));
  expect(host.dma('WRITE', '0x1010', 1)).toEqual({ physical: '0x40001010' });
  // The specification's code for a page that can still be read; the kernel's table has a text for it.
  const [fault] = host.faults(() => expect(host.dma('WRITE', '0x2000', 1)).toEqual({ reason: 0x85 }));
  expect(fault).toMatchObject({ pasid: 1, access: 'WRITE', recorded: true });
});

it('scenario 86: PASIDs that lead nowhere', () => {
  const { host } = attached();
  expect(host.dma('READ', '0x1000', 9)).toEqual({ reason: 0x59 });
  expect(host.dma('READ', '0x1000', 900)).toEqual({ reason: 0x51 });
  const narrow = attached({ parents: [{ pasidWidth: 10 }] });
  // A table has room for at least 32768 PASIDs; the context entry says how many.
  expect(narrow.host.device().info!.pasidTable!.capacity).toBe(32768);
  expect(narrow.host.dma('READ', '0x1000', 32768)).toEqual({ reason: 0x46 });
  const off = Host.boot();
  expect(off.dma('READ', '0x1000', 1)).toEqual({ reason: 0x45 });
});

it('scenario 87: untagged DMA goes through the primary domain, whatever is attached beside it', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('1000', '40001000', '1000'));
  host.kernel.map(host.group().defaultDomain!, mapping('1000', '70001000', '1000'));
  expect(host.dma('READ', '0x1000')).toEqual({ physical: '0x70001000' });
  expect(host.dma('READ', '0x1000', 1)).toEqual({ physical: '0x40001000' });
});

it('scenario 88: a write to 0xfee00000 is an interrupt and touches no table', () => {
  const { host } = attached({ config: { commandLine: 'intel_iommu=on,sm_on intremap=off' } });
  expect(host.faults(() => host.dma('WRITE', '0xfee00000'))).toEqual([]);
  // With interrupt remapping the message must name an entry: VT-d 5.1.4, compatibility format blocked.
  const remapping = attached().host;
  expect(remapping.faults(() => remapping.dma('WRITE', '0xfee00000'))).toMatchObject([
    { access: 'INTERRUPT', reason: 0x25 },
  ]);
});

describe('scenario 89: the fault line', () => {
  it.each([
    [
      'V5_10',
      'DMAR: [DMA Read] Request device [6a:01.0] PASID 9 fault addr 7f000 [fault reason 89] SM: Present bit in PASID Table Entry is clear',
    ],
    [
      'V5_15',
      'DMAR: [DMA Read PASID 0x9] Request device [6a:01.0] fault addr 0x7f000 [fault reason 0x59] SM: Present bit in PASID Table Entry is clear',
    ],
    [
      'V6_1',
      'DMAR: [DMA Read PASID 0x9] Request device [6a:01.0] fault addr 0x7f000 [fault reason 0x59] SM: Present bit in PASID Table Entry is clear',
    ],
  ] as const)('of %s', (profile, line) => {
    const { host } = attached({ config: { profile } });
    const lines = host.linesOf(() => host.dma('READ', '0x7f123', 9));
    expect(lines).toEqual(['DMAR: DRHD: handling fault status reg 2', line]);
  });

  it('of an untagged request has PASID ffffffff or NO_PASID', () => {
    const old = attached({ config: { profile: 'V5_10' } });
    old.host.dma('WRITE', '0x12345678');
    expect(old.host.lines.at(-1)).toBe(
      'DMAR: [DMA Write] Request device [6a:01.0] PASID ffffffff fault addr 12345000 [fault reason 121] SM: Read/Write permission error in second-level paging entry',
    );
    const legacy = Host.boot({ config: { profile: 'V5_15', commandLine: 'intel_iommu=on,sm_off' } });
    legacy.dma('READ', '0x12345678');
    expect(legacy.lines.at(-1)).toBe(
      'DMAR: [DMA Read NO_PASID] Request device [6a:01.0] fault addr 0x12345000 [fault reason 0x06] PTE Read access is not set',
    );
  });
});

it('scenario 90: eight faults in a window give seven lines; all records are cleared', () => {
  const { host } = attached();
  host.kernel.now = 1000;
  const lines = host.linesOf(() => {
    for (let n = 0; n < 8; n++) host.dma('READ', '0x7f000', 9);
  });
  const header = 'DMAR: DRHD: handling fault status reg';
  expect(lines.map((line) => (line.startsWith(header) ? 'header' : 'fault'))).toEqual([
    'header',
    'fault',
    'header',
    'fault',
    'header',
    'fault',
    'header',
  ]);
  host.kernel.now = 6001;
  expect(host.linesOf(() => host.dma('READ', '0x7f000', 9))[0]).toBe('dmar_fault: 14 callbacks suppressed');
});

it('scenario 92: every record is an event, and a line names the record it tells of', () => {
  const { host } = attached();
  const faults = host.faults(() => {
    for (let n = 0; n < 8; n++) host.dma('READ', '0x7f000', 9);
  });
  expect(faults).toHaveLength(8);
  expect(faults.every((fault) => fault.recorded)).toBe(true);
  const told = host.events.filter(
    (event): event is KernelLogged => event.type === 'KERNEL_LOG' && event.faultRecord !== null,
  );
  expect(told.map((event) => event.faultRecord)).toEqual([
    { unit: 'dmar0', index: 0 },
    { unit: 'dmar0', index: 1 },
    { unit: 'dmar0', index: 2 },
  ]);
});

it('scenario 91: an auxiliary detach flushes PASID cache, IOTLB and device-TLB, and the PASID then faults', () => {
  const { host, domain, subdevice } = attached({ config: { profile: 'V5_10' } });
  host.kernel.map(domain, mapping('1000', '40001000', '1000'));
  host.dma('READ', '0x1000', 1);
  expect(host.invalidations(() => host.kernel.detach(domain, subdevice))).toEqual([
    'PASID_CACHE PASID did=3 pasid=1',
    'PASID_IOTLB PASID did=3 pasid=1',
    expect.stringMatching(/^PASID_DEVICE_TLB/),
  ]);
  expect(host.dma('READ', '0x1000', 1)).toEqual({ reason: 0x59 });
});

describe('after an unmap under a PASID', () => {
  function used(plan: HostPlan) {
    const { host, domain } = attached(plan);
    host.kernel.map(domain, mapping('1000', '40001000', '4000'));
    const pages = ['0x1000', '0x2000', '0x3000', '0x4000'];
    const read = (page: string) => host.dma('READ', page, 1, PARENT, 'DEVICE_TLB');
    for (const page of pages) read(page);
    host.kernel.unmap(domain, range('1000', '4000'));
    return pages.map(read);
  }

  it('a parent without ATS faults on every page: the flushes of the chunks reach all of them', () => {
    expect(used({ parents: [{ ats: false }] })).toEqual(new Array(4).fill({ reason: 0x79 }));
  });

  it('a parent with ATS still gets through: this kernel flushes no device-TLB of auxiliary domains', () => {
    expect(used({ config: { profile: 'V5_10' } })[0]).toEqual({ physical: '0x40001000' });
  });
});

it('a unit without queued invalidation is driven through its registers', () => {
  const host = Host.boot({
    ecap: { QI: 0, DT: 0, IR: 0, EIM: 0, MHMV: 0, SMTS: 0, PASID: 0, PSS: 0, SRS: 0, SSTS: 0, RPS: 0 },
    config: { commandLine: 'intel_iommu=on' },
  });
  expect(host.lines).toContain('DMAR: dmar0: Using Register based invalidation');
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.device());
  host.kernel.map(domain, mapping('1000', '40001000', '1000'));
  expect(host.dma('READ', '0x1000')).toEqual({ physical: '0x40001000' });
  host.kernel.unmap(domain, range('1000', '1000'));
  expect(host.dma('READ', '0x1000')).toEqual({ reason: 6 });
});

it('a first-level domain is used where every unit has only first-level translation', () => {
  const { host, domain } = attached({ ecap: { SSTS: 0, FSTS: 1, SMPWCS: 1 }, config: { profile: 'V5_10' } });
  expect(domain.firstLevel).toBe(true);
  host.kernel.map(domain, mapping('200000', '40200000', '201000'));
  expect(host.dma('WRITE', '0x200008', 1)).toEqual({ physical: '0x40200008' });
  const seen = host.invalidations(() => host.kernel.unmap(domain, range('400000', '1000')));
  expect(seen).toEqual(['PASID_IOTLB PAGE did=3 pasid=1 addr=0x400000 size=0x1000']);
  expect(host.dma('READ', '0x400000', 1)).toEqual({ reason: 0x71 });
});

describe('scenario 93: a page request under an auxiliary PASID', () => {
  const request = (last: boolean, pasid: number | null) => ({
    sourceId: 0x6a08,
    pasid,
    address: address('7f000'),
    read: true,
    write: false,
    execute: false,
    privileged: false,
    last,
    groupIndex: 5,
  });
  const plan: HostPlan = { ecap: { PRS: 1 }, parents: [{ pri: true }], config: { profile: 'V5_10' } };

  it('finds nobody to ask: a line, and the response Failure to the last of the group', () => {
    const { host } = attached(plan);
    const [unit] = host.machine.units;
    const lines = host.linesOf(() => {
      expect(host.invalidations(() => unit.pageRequest(request(false, 1)))).toEqual([]);
      const before = host.hardware.length;
      expect(unit.pageRequest(request(true, 1))).toBe('QUEUED');
      const response = host.hardware
        .slice(before)
        .find((event) => event.type === 'INVALIDATION' && event.descriptor === 'PAGE_GROUP_RESPONSE');
      // Code 15 in bits 15:12, source id above it, PASID 1; index 5 and the last-page flag.
      expect(response).toMatchObject({ words: [{ hi: 1, lo: 0x6a08f019 }, { hi: 0, lo: 0x2c }, {}, {}] });
    });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^dmar0: Page request for invalid PASID 1: [0-9a-f]+ 0007f02d$/);
  });

  it('without a PASID is refused too', () => {
    const { host } = attached(plan);
    const lines = host.linesOf(() => host.machine.units[0].pageRequest(request(true, null)));
    expect(lines).toEqual([expect.stringMatching(/^dmar0: Page request without PASID: /)]);
  });
});
