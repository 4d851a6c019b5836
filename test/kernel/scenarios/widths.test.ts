import { Host, address, codesOf, errnoOf, mapping, range } from '../../support/kernel/host.js';

const NARROW = '0000:6b:00.0';
/** The parent is behind a unit of 48 bits; another function behind one of 39. */
const host = (commandLine = 'intel_iommu=on') =>
  Host.boot({
    config: { commandLine },
    units: [{}, { devices: [NARROW], cap: { SAGAW: 2, MGAW: 38 } }],
    parents: [{ ats: false }, { at: NARROW, ats: false, driver: null }],
  });

describe('units that walk tables of different depth', () => {
  it('share the identity domain, whose tables nobody walks', () => {
    // Linux: domain_context_mapping_one() writes pass-through; prepare_domain_attach_device() finds an empty root.
    const { kernel } = host('intel_iommu=on iommu=pt');
    const groups = [...kernel.groups.values()].map(({ members, domain }) => [members.length, domain?.type]);
    expect(groups).toEqual([
      [1, 'IDENTITY'],
      [1, 'IDENTITY'],
    ]);
  });

  it('leave a domain that went from narrow to wide with the tables of the narrow one', () => {
    // linux-iommu-siov.md 3.2, step 4: the width is the last unit's, levels are only ever dropped.
    const booted = host();
    const domain = booted.kernel.allocDomain('pci', 'UNMANAGED');
    booted.kernel.attach(domain, booted.device(NARROW));
    booted.kernel.attach(domain, booted.device());
    expect([domain.levels, domain.addressWidth]).toEqual([3, 48]);
    booted.kernel.map(domain, mapping('7ffffff000', '40001000', '1000'));
    // __domain_mapping() has BUG_ON(!domain_pfn_supported()): once, the page wrapped around to the first.
    expect(codesOf(() => booted.kernel.map(domain, mapping('8000000000', '40002000', '1000')))).toEqual([
      'UNSAFE',
    ]);
    expect(codesOf(() => booted.kernel.unmap(domain, range('8000000000', '1000')))).toEqual(['UNSAFE']);
    expect(booted.kernel.iovaToPhys(domain, address('0'))).toBeNull();
    expect(booted.kernel.iovaToPhys(domain, address('fffffff000'))).toBeNull();
    expect(errnoOf(() => booted.kernel.map(domain, mapping('1000000000000', '0', '1000')))).toBe('EFAULT');
  });
});
