import { Host, U1, errnoOf } from '../../support/kernel/host.js';

describe('scenario 16: has(AUX)', () => {
  it('is true on the default parent', () => {
    const host = Host.boot();
    expect(host.kernel.hasFeature(host.device(), 'AUX')).toBe(true);
  });

  it.each([
    ['without the Scalable IOV capability', { parents: [{ siov: false }] }],
    ['without a PASID capability', { parents: [{ pasidWidth: null }] }],
    ['when a unit is not in scalable mode', { config: { commandLine: 'intel_iommu=on,sm_off' } }],
  ])('is false %s, with a reason', (_title, plan) => {
    const host = Host.boot(plan);
    const state = host.kernel.featureState(host.device()).find((each) => each.feature === 'AUX')!;
    expect(state.supported).toBe(false);
    expect(state.reason).not.toBeNull();
  });
});

it('scenario 17: AUX can be enabled on a parent without the Scalable IOV capability', () => {
  const host = Host.boot({ parents: [{ siov: false }] });
  host.kernel.enableFeature(host.device(), 'AUX');
  expect([...host.device().enabledFeatures]).toEqual(['AUX']);
});

it('scenario 18: enabling AUX without a PASID capability is ENODEV', () => {
  const host = Host.boot({ parents: [{ pasidWidth: null }] });
  expect(errnoOf(() => host.kernel.enableFeature(host.device(), 'AUX'))).toBe('ENODEV');
});

it.each([
  ['out of scalable mode', { config: { commandLine: 'intel_iommu=on,sm_off' } }],
  [
    'on a device no unit serves',
    { units: [{ devices: ['0000:6b:00.0'] }], parents: [{}, { at: '0000:6b:00.0' }] },
  ],
])('scenario 19: enabling AUX %s is EINVAL', (_title, plan) => {
  const host = Host.boot(plan);
  expect(errnoOf(() => host.kernel.enableFeature(host.device(), 'AUX'))).toBe('EINVAL');
});

it('scenario 20: enabling AUX flushes the context once', () => {
  const host = Host.boot();
  const enable = () => host.kernel.enableFeature(host.device(), 'AUX');
  expect(host.invalidations(enable)).toEqual(['CONTEXT_CACHE DEVICE did=2 sid=6a08']);
  expect(host.invalidations(enable)).toEqual([]);
});

it('scenario 21: a subdevice has no feature operations', () => {
  const host = Host.boot();
  const subdevice = host.mdev(U1);
  expect(errnoOf(() => host.kernel.enableFeature(subdevice, 'AUX'))).toBe('ENODEV');
  expect(errnoOf(() => host.kernel.disableFeature(subdevice, 'AUX'))).toBe('EBUSY');
  expect(
    host.kernel.featureState(subdevice).map(({ supported, enabled }) => ({ supported, enabled })),
  ).toEqual(new Array(3).fill({ supported: false, enabled: false }));
});

it('scenario 22: AUX can be disabled with an auxiliary domain attached', () => {
  const host = Host.boot();
  host.kernel.enableFeature(host.device(), 'AUX');
  host.kernel.attach(host.kernel.allocDomain('mdev', 'UNMANAGED'), host.mdev(U1));
  expect(errnoOf(() => host.kernel.disableFeature(host.device(), 'AUX'))).toBeNull();
});

it('scenario 23: with AUX on, no unmanaged primary; attaching the default domain again turns AUX off', () => {
  const host = Host.boot();
  host.kernel.enableFeature(host.device(), 'AUX');
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  expect(errnoOf(() => host.kernel.attach(domain, host.device()))).toBe('EPERM');
  host.kernel.attach(host.group().defaultDomain!, host.device());
  expect([...host.device().enabledFeatures]).toEqual([]);
  const changes = host.events.flatMap((event) => (event.type === 'TOPOLOGY' ? event.change : []));
  expect(changes.filter((change) => change.startsWith('FEATURE'))).toEqual([
    'FEATURE_ENABLED',
    'FEATURE_DISABLED',
  ]);
  expect(errnoOf(() => host.kernel.attach(domain, host.device()))).toBeNull();
});

it('SVA and IOPF on a device without page requests are ENODEV', () => {
  const host = Host.boot();
  expect(errnoOf(() => host.kernel.enableFeature(host.device(), 'SVA'))).toBe('ENODEV');
  expect(errnoOf(() => host.kernel.enableFeature(host.device(), 'IOPF'))).toBe('ENODEV');
});
