import { toHex } from '../../../src/bits/u64.js';
import { Host, type HostPlan, PARENT, U1, errnoOf, hex, mapping, range } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 3.2: what a domain may use is what all units can do, settled at its first attachment
   to a unit; 3.4 and 3.5 for the highest mapping. */

const OTHER = '0000:6b:00.0';

function attachedOn(plan: HostPlan) {
  const host = Host.boot(plan);
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.device());
  return { host, domain };
}

/** Sizes of the pages a map of 1 GiB is made of, where all of it is aligned. */
function pageSizes(plan: HostPlan): number[] {
  const { host, domain } = attachedOn(plan);
  return host.kernel.map(domain, mapping('40000000', '80000000', '40000000')).map(({ pageSize }) => pageSize);
}

describe('large pages', () => {
  const both = (first: number, second: number): HostPlan => ({
    units: [{ devices: [OTHER], cap: { SSLPS: first } }, { cap: { SSLPS: second } }],
    parents: [{}, { at: OTHER }],
  });

  it.each([
    ['both have both sizes', 3, 3, 2 ** 30],
    ['one has 2 MiB only', 1, 3, 2 ** 21],
    ['one has none', 0, 3, 2 ** 12],
  ])('are those all units have, attached there or not: %s', (_title, first, second, size) => {
    expect(pageSizes(both(first, second))).toEqual([size]);
  });

  it('of a first-level domain are 1 GiB only where all units say so, else 2 MiB', () => {
    const firstLevel = { ecap: { SSTS: 0, FSTS: 1, SMPWCS: 1 } };
    expect(pageSizes({ ...firstLevel, cap: { SSLPS: 0, FS1GP: 1 } })).toEqual([2 ** 30]);
    expect(pageSizes({ ...firstLevel, cap: { SSLPS: 0 } })).toEqual([2 ** 21]);
    const words = { commandLine: 'intel_iommu=on,sm_on,sp_off' };
    expect(pageSizes({ ...firstLevel, cap: { FS1GP: 1 }, config: words })).toEqual([2 ** 12]);
  });
});

describe('the end of the addresses', () => {
  it('is that of the unit’s width, and one bit less for a first-level domain', () => {
    expect(hex(attachedOn({}).domain.apertureLast)).toBe('0xffffffffffff');
    const first = attachedOn({ ecap: { SSTS: 0, FSTS: 1, SMPWCS: 1 } });
    expect(hex(first.domain.apertureLast)).toBe('0x7fffffffffff');
  });

  it('is 57 bits before a unit is known', () => {
    const host = Host.boot();
    expect(toHex(host.kernel.allocDomain('pci', 'UNMANAGED').apertureLast)).toBe('0x1ffffffffffffff');
  });

  it('is MGAW where that is less than the levels could do', () => {
    const { domain } = attachedOn({ cap: { MGAW: 38 } });
    expect(hex(domain.apertureLast)).toBe('0x7fffffffff');
  });
});

describe('snooping', () => {
  /** Bit 11 of the leaf of a page mapped as cached. VT-d 9.8 "SNP". */
  function snoops(plan: HostPlan): boolean {
    const { host, domain } = attachedOn(plan);
    host.kernel.map(domain, { ...mapping('1000', '40001000', '1000'), cache: true });
    const [leaf] = domain.table.leaves(1, 1);
    return (leaf.flags & 0x800) !== 0;
  }

  it('is set for cached memory where all units can force it', () => {
    expect(snoops({})).toBe(true);
    const units = [{ devices: [OTHER], ecap: { SC: 0 } }, {}];
    expect(snoops({ units, parents: [{}, { at: OTHER }] })).toBe(false);
  });
});

describe('the highest mapping', () => {
  /** Attaches a domain mapped high up to a unit of 48 bits, after some of it was unmapped again. */
  function attachAfter(...unmapped: string[]) {
    const host = Host.boot();
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.map(domain, mapping('1000', '40001000', '1000'));
    host.kernel.map(domain, mapping('4000000001000', '40001000', '1000'));
    host.kernel.map(domain, mapping('4000000002000', '40001000', '1000'));
    for (const iova of unmapped) host.kernel.unmap(domain, range(iova, '1000'));
    return errnoOf(() => host.kernel.attach(domain, host.device()));
  }

  it('keeps a domain off a narrow unit even when all above its width was unmapped: it falls only to where the topmost chunk began', () => {
    expect(attachAfter()).toBe('EFAULT');
    expect(attachAfter('4000000002000')).toBe('EFAULT');
    expect(attachAfter('4000000002000', '4000000001000')).toBe('EFAULT');
    expect(attachAfter('4000000001000', '4000000002000')).toBe('EFAULT');
  });
});

describe('the PASID table of a device', () => {
  it.each([
    ['3 bits on the device', { parents: [{ pasidWidth: 3 }] }, 32768],
    ['20 bits everywhere', {}, 2 ** 20],
    ['what the narrowest unit can tell apart', { ecap: { PSS: 15 } }, 65536],
  ] as const)('holds at least 32768: %s', (_title, plan, capacity) => {
    const host = Host.boot(plan);
    expect(host.device().info!.pasidTable!.capacity).toBe(capacity);
  });

  it('is used as far as the narrowest unit and the device can go', () => {
    const host = Host.boot({ parents: [{ pasidWidth: 1 }] });
    host.kernel.enableFeature(host.device(PARENT), 'AUX');
    const [first, second] = [0, 1].map(() => host.kernel.allocDomain('mdev', 'UNMANAGED'));
    host.kernel.attach(first, host.mdev(U1));
    const other = host.mdev('22222222-2222-4222-8222-222222222222');
    expect(errnoOf(() => host.kernel.attach(second, other))).toBe('ENODEV');
  });
});
