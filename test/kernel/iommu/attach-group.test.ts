import { Host, errnoOf } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 3.2 and 3.3, core rules. */

const FIRST = '0000:6a:01.0';
const SECOND = '0000:6a:01.1';

function pair() {
  const plan = { vendorId: 0x1af4, multifunction: true };
  const host = Host.boot({
    parents: [
      { at: FIRST, ...plan },
      { at: SECOND, ...plan },
    ],
    rmrr: { base: '8b800000', last: '8b9fffff', at: SECOND },
  });
  expect(host.group().members).toHaveLength(2);
  return { host, domain: host.kernel.allocDomain('pci', 'UNMANAGED') };
}

it('a member that refuses ends the attach: members before it stay on the new domain, the group on the old', () => {
  const { host, domain } = pair();
  const before = host.group().domain;
  expect(errnoOf(() => host.kernel.attach(domain, host.group()))).toBe('EPERM');
  expect(host.device(FIRST).primaryDomain).toBe(domain);
  expect(host.device(SECOND).primaryDomain).toBe(before);
  expect(host.group().domain).toBe(before);
});

it('an attach or a detach by one member of several is EINVAL', () => {
  const { host, domain } = pair();
  expect(errnoOf(() => host.kernel.attach(domain, host.device(FIRST)))).toBe('EINVAL');
  expect(errnoOf(() => host.kernel.detach(host.group().domain!, host.device(FIRST)))).toBe('EINVAL');
});

it('a group goes back to its default domain by an attach of it, not by a detach of the driver’s', () => {
  const host = Host.boot({ parents: [{ ats: false }] });
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.group());
  const seen = host.invalidations(() => host.kernel.detach(domain, host.group()));
  expect(host.device().primaryDomain).toBe(host.group().defaultDomain);
  // The removal of the old entry, and nothing after it: without caching mode a new entry needs no flush.
  expect(seen.map((each) => each.split(' ')[0])).toEqual([
    'PASID_CACHE',
    'PASID_IOTLB',
    'CONTEXT_CACHE',
    'IOTLB',
  ]);
  expect(errnoOf(() => host.kernel.detach(domain, host.group()))).toBe('EINVAL');
});

it('a newcomer whose default domain cannot be attached is probed no further and leaves its group', () => {
  const host = Host.boot();
  host.kernel.removeDevice(host.device(FIRST));
  while (host.kernel.units[0].domainIds.allocate() !== null);
  const lines = host.linesOf(() => host.kernel.rescan(null));
  expect(lines.filter((line) => line.includes('domain ids') || line.includes('group'))).toEqual([
    'pci 0000:6a:01.0: Adding to iommu group 0',
    'DMAR: dmar0: No free domain ids',
    'pci 0000:6a:01.0: Removing from iommu group 0',
  ]);
  expect(host.device(FIRST).group).toBeNull();
});
