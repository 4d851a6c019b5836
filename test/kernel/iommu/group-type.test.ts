import { Host, type HostPlan, errnoOf } from '../../support/kernel/host.js';

const [FIRST, SECOND] = ['0000:6b:00.0', '0000:6b:00.1'];

/** Source: linux-iommu-siov.md 9, "Writing `type`"; the lines are those recorded in qemu-linux/topology/group-type. */
describe.each(['V5_15', 'V6_1'] as const)('writing the type of a group under %s', (profile) => {
  const boot = (plan: HostPlan = {}) =>
    Host.boot({ parents: [{ driver: null }], ...plan, config: { profile } });
  /** Errno and lines of a write. */
  const write = (host: Host, word: string, at?: string) => {
    let errno: string | null = null;
    const lines = host.linesOf(() => (errno = errnoOf(() => host.kernel.setGroupType(host.group(at), word))));
    return [errno, ...lines];
  };
  const pair = (driver: string | null) =>
    boot({
      parents: [FIRST, SECOND].map((at) => ({ at, vendorId: 0x1234, driver, multifunction: true })),
    });

  it('a word that is no type is EINVAL, whatever else is wrong', () => {
    for (const word of ['dma', 'unmanaged', 'blocked', ''])
      expect(write(pair('nvme'), word, FIRST)).toEqual(['EINVAL']);
  });

  it('several members are EINVAL before a driver is looked at', () => {
    const line = 'iommu: Cannot change default domain: Group has more than one device';
    expect(write(pair('nvme'), 'identity', FIRST)).toEqual(['EINVAL', line]);
    expect(write(pair(null), 'identity', FIRST)).toEqual(['EINVAL', line]);
  });

  it('a driver is EBUSY before the domain is looked at, unless a flush queue is added', () => {
    const host = boot({ parents: [{}] });
    host.kernel.attach(host.kernel.allocDomain('pci', 'UNMANAGED'), host.device());
    expect(write(host, 'identity')).toEqual(['EBUSY', 'iommu: Device is still bound to driver']);
    const strict = Host.boot({ config: { profile, commandLine: 'intel_iommu=on,sm_on iommu.strict=1' } });
    expect(strict.group().defaultDomain!.type).toBe('DMA');
    expect(write(strict, 'DMA-FQ')).toEqual([null]);
    expect(strict.group().defaultDomain!.type).toBe('DMA_FQ');
  });

  it('a group that is not on its default domain is EBUSY, and says so for its device', () => {
    const host = boot();
    host.kernel.attach(host.kernel.allocDomain('pci', 'UNMANAGED'), host.device());
    const line = `pci ${host.device().name}: Group not assigned to default domain`;
    expect(write(host, 'identity')).toEqual(['EBUSY', line]);
  });

  it('the type it has is accepted and changes nothing', () => {
    const host = boot();
    const domain = host.group().defaultDomain;
    const events = host.events.length;
    expect(write(host, 'DMA-FQ')).toEqual([null]);
    expect([host.group().defaultDomain === domain, host.events.length]).toEqual([true, events]);
    expect(write(host, 'auto')).toEqual([null]);
    expect(host.group().defaultDomain === domain).toBe(true);
  });
});
