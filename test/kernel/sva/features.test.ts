import { Host, type HostPlan, codesOf, errnoOf } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 8.4; intel_iommu_dev_enable_feat() of 5.10, intel_iommu_enable_sva() of 5.15. */

const ABLE: HostPlan = { cap: { FS1GP: 1 }, ecap: { FSTS: 1, PRS: 1 }, parents: [{ pri: 'USABLE' }] };
const PROFILES = ['V5_10', 'V5_15', 'V6_1'] as const;

function host(profile: (typeof PROFILES)[number], plan: HostPlan = ABLE): Host {
  return Host.boot({
    ...plan,
    config: { profile, ...(profile === 'V6_1' && { subdeviceModel: 'PASID_ATTACH' }), ...plan.config },
  });
}

const has = (on: Host, feature: 'SVA' | 'IOPF') => on.kernel.hasFeature(on.device(), feature);
const enable = (on: Host, feature: 'SVA' | 'IOPF') =>
  errnoOf(() => on.kernel.enableFeature(on.device(), feature));
const disable = (on: Host, feature: 'SVA' | 'IOPF') =>
  errnoOf(() => on.kernel.disableFeature(on.device(), feature));

describe('a unit that cannot walk the tables of processes', () => {
  it('says at boot that its pages are too small, and only where it handles PASIDs at all', () => {
    const line = 'dmar0 SVM disabled, incompatible 1GB page capability';
    expect(host('V5_10', {}).lines).toContain(line);
    expect(host('V5_10', ABLE).lines).not.toContain(line);
    expect(host('V5_10', { ecap: { PASID: 0, PSS: 0 } }).lines).not.toContain(line);
    expect(host('V5_10', { config: { options: { CONFIG_INTEL_IOMMU_SVM: 'n' } } }).lines).not.toContain(line);
  });

  it.each(PROFILES)('has no SVA for its devices, which is ENODEV, in %s', (profile) => {
    const on = host(profile, { ...ABLE, cap: {} });
    expect(has(on, 'SVA')).toBe(false);
    expect(enable(on, 'SVA')).toBe('ENODEV');
    expect(codesOf(() => on.kernel.enableFeature(on.device(), 'SVA'))).toEqual(['NO_SHARED_MEMORY']);
  });
});

describe('SVA', () => {
  it.each(PROFILES)(
    'is had with PASIDs, page requests and ATS in %s, and never reported as enabled',
    (profile) => {
      const on = host(profile);
      expect(has(on, 'SVA')).toBe(true);
      expect(enable(on, 'SVA')).toBeNull();
      const state = on.kernel.featureState(on.device()).find(({ feature }) => feature === 'SVA')!;
      // intel_iommu_dev_feat_enabled() knows AUX only.
      expect(state.enabled).toBe(false);
    },
  );

  it('in 5.10 is enabled on any device of a capable unit, as often as wanted, and never disabled', () => {
    const on = host('V5_10', { ...ABLE, parents: [{ ats: false, pasidWidth: null }] });
    expect(has(on, 'SVA')).toBe(false);
    expect([enable(on, 'SVA'), enable(on, 'SVA'), disable(on, 'SVA')]).toEqual([null, null, 'ENODEV']);
  });

  it.each(['V5_15', 'V6_1'] as const)('in %s is enabled once, and can be disabled once', (profile) => {
    const on = host(profile);
    expect(disable(on, 'SVA')).toBe('EINVAL');
    expect([enable(on, 'SVA'), enable(on, 'SVA')]).toEqual([null, 'EBUSY']);
    expect([disable(on, 'SVA'), disable(on, 'SVA')]).toEqual([null, 'EINVAL']);
    expect(enable(on, 'SVA')).toBeNull();
  });

  it.each([
    ['PASIDs', { pasidWidth: null, pri: 'USABLE' as const }, 'ENODEV'],
    ['page requests', {}, 'EINVAL'],
    ['answers to its page requests that a PASID tells apart', { pri: true }, 'EINVAL'],
    ['ATS', { ats: false, pri: 'USABLE' as const }, 'EINVAL'],
  ])('from 5.15 is refused to a device without %s, and nothing is changed', (_what, parent, errno) => {
    const on = host('V5_15', { ...ABLE, parents: [parent] });
    expect(on.invalidations(() => expect(enable(on, 'SVA')).toBe(errno))).toEqual([]);
  });

  it('from 5.15 goes with the primary domain, which is told', () => {
    const on = host('V5_15');
    enable(on, 'SVA');
    const domain = on.kernel.allocDomain('pci', 'UNMANAGED');
    on.kernel.attach(domain, on.device());
    expect(on.events.some((event) => event.type === 'TOPOLOGY' && event.change === 'FEATURE_DISABLED')).toBe(
      true,
    );
    expect(enable(on, 'SVA')).toBeNull();
  });
});

describe('IOPF', () => {
  it('is unknown to 5.10', () => {
    const on = host('V5_10');
    expect([has(on, 'IOPF'), enable(on, 'IOPF'), disable(on, 'IOPF')]).toEqual([false, 'ENODEV', 'ENODEV']);
  });

  it.each(['V5_15', 'V6_1'] as const)(
    'is page requests in %s, and neither switch does anything',
    (profile) => {
      const on = host(profile);
      expect([has(on, 'IOPF'), enable(on, 'IOPF'), enable(on, 'IOPF'), disable(on, 'IOPF')]).toEqual([
        true,
        null,
        null,
        null,
      ]);
      const without = host(profile, { ...ABLE, parents: [{}] });
      expect([has(without, 'IOPF'), enable(without, 'IOPF')]).toEqual([false, 'ENODEV']);
    },
  );
});
