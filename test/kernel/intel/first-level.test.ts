import { Host, type HostPlan, U1, errnoOf, mapping, range } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 3.1 (which domains are first-level), 3.7 (their flushes), 4.3 step 6 (their entries). */

const OTHER = '0000:6b:00.0';
const FIRST: HostPlan = {
  ecap: { SSTS: 0, FSTS: 1, SMPWCS: 1, SRS: 1 },
  parents: [{ ats: false }, { at: OTHER, ats: false }],
};

it('domains are first-level where every active unit is in scalable mode and able, and nowhere else', () => {
  const isFirst = (plan: HostPlan) => Host.boot(plan).kernel.allocDomain('pci', 'UNMANAGED').firstLevel;
  const both = { ecap: { FSTS: 1, SMPWCS: 1 } };
  expect(isFirst(FIRST)).toBe(true);
  expect(isFirst(both)).toBe(true);
  expect(isFirst({ ...FIRST, config: { commandLine: 'intel_iommu=on' } })).toBe(false);
  const units = [{ devices: [OTHER], ecap: { FSTS: 0, SSTS: 1 } }, { ecap: { FSTS: 1 } }];
  expect(isFirst({ units, parents: [{}, { at: OTHER }] })).toBe(false);
});

it('V6_1 gives unmanaged domains the second stage where units have both', () => {
  const host = Host.boot({ ecap: { FSTS: 1, SMPWCS: 1 }, config: { profile: 'V6_1' } });
  const types = (['UNMANAGED', 'DMA'] as const).map(
    (type) => host.kernel.allocDomain('pci', type).firstLevel,
  );
  expect(types).toEqual([false, true]);
});

describe('what is unmapped from a first-level domain is flushed by PASID', () => {
  function attachedBothWays() {
    const host = Host.boot(FIRST);
    host.kernel.enableFeature(host.device(), 'AUX');
    const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.attach(domain, host.mdev(U1));
    // With AUX off on the other parent the domain becomes its primary one.
    host.kernel.attach(domain, host.mdev('22222222-2222-4222-8222-222222222222', OTHER));
    host.kernel.map(domain, mapping('1000', '40001000', '4000'));
    return { host, domain };
  }

  it('of its auxiliary PASID and of requests without one, each where it is attached so', () => {
    const { host, domain } = attachedBothWays();
    const did = [...domain.domainIds.values()][0].did;
    expect(host.invalidations(() => host.kernel.unmap(domain, range('4000', '1000')))).toEqual([
      `PASID_IOTLB PAGE did=${did} pasid=1 addr=0x4000 size=0x1000`,
      `PASID_IOTLB PAGE did=${did} pasid=0 addr=0x4000 size=0x1000`,
    ]);
  });

  it('and a map needs none, even with caching mode', () => {
    const host = Host.boot({ ...FIRST, cap: { CM: 1 } });
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.attach(domain, host.device());
    expect(host.invalidations(() => host.kernel.map(domain, mapping('1000', '1000', '1000')))).toEqual([]);
  });
});

describe('a first-level entry', () => {
  it('of five levels needs a unit with 5-level paging', () => {
    const wide = { ...FIRST, cap: { SAGAW: 8, MGAW: 56 } };
    const attach = (plan: HostPlan) => {
      const host = Host.boot(plan);
      host.kernel.enableFeature(host.device(), 'AUX');
      return errnoOf(() => host.kernel.attach(host.kernel.allocDomain('mdev', 'UNMANAGED'), host.mdev(U1)));
    };
    expect(attach({ ...wide, cap: { ...wide.cap, FS5LP: 1 } })).toBeNull();
    // Without, not even the default domain of the parent can be set up.
    const host = Host.boot(wide);
    expect([host.device().group, host.device().info]).toEqual([null, null]);
  });

  it('asks for supervisor requests from 5.15 only under a PASID', () => {
    const plan = { ...FIRST, ecap: { ...FIRST.ecap, SRS: 0 } };
    for (const [profile, primary] of [
      ['V5_10', null],
      ['V5_15', 0],
    ] as const) {
      const host = Host.boot({ ...plan, config: { profile } });
      expect(host.device().group?.number ?? null).toBe(primary);
      if (primary === null) continue;
      host.kernel.enableFeature(host.device(), 'AUX');
      const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
      const lines = host.linesOf(() => {
        expect(errnoOf(() => host.kernel.attach(domain, host.mdev(U1)))).toBe('EINVAL');
      });
      expect(lines).toContain('DMAR: No supervisor request support on dmar0');
    }
  });
});
