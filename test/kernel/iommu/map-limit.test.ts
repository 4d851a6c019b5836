import type { Domain } from '../../../src/kernel/iommu/domain.js';
import { Host, type HostPlan, codesOf, errnoOf, mapping } from '../../support/kernel/host.js';

const MOST = 8;

/** A host on which one command may tell of 8 chunks or entries, with a domain attached to its device. */
function limited(plan: HostPlan = {}, tellsPerCommand: number | null = MOST) {
  const limit = tellsPerCommand === null ? {} : { tellsPerCommand };
  const host = Host.boot({ parents: [{ ats: false }], ...plan, config: { ...plan.config, ...limit } });
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.device());
  return { host, domain };
}

/** Pages whose two sides are not aligned alike, so that each is a chunk by itself; a command of its own. */
function mapPages(host: Host, domain: Domain, pages: number, iova = '100000') {
  host.kernel.now += 1000;
  return host.kernel.map(domain, mapping(iova, '40001000', (pages * 4096).toString(16)));
}

describe('where a unit in caching mode hears of each chunk', () => {
  const CACHING = { cap: { CM: 1 } };

  test('a command maps as many as it may tell of; one more is refused before anything changes', () => {
    const { host, domain } = limited(CACHING);
    let codes: string[] = [];
    const flushed = host.invalidations(() => (codes = codesOf(() => mapPages(host, domain, MOST + 1))));
    expect([codes, flushed, domain.mappedBytes]).toEqual([['SIMULATOR_LIMIT'], [], 0]);
    expect(host.invalidations(() => mapPages(host, domain, MOST))).toHaveLength(MOST);
    expect(host.invalidations(() => mapPages(host, domain, MOST, '900000'))).toHaveLength(MOST);
  });

  test('chunks are counted, not pages', () => {
    const { host, domain } = limited(CACHING);
    // 2 MiB on both sides: one chunk.
    expect(errnoOf(() => host.kernel.map(domain, mapping('200000', '40200000', '200000')))).toBeNull();
  });

  test('later kernels tell of the whole range at once', () => {
    const { host, domain } = limited({ ...CACHING, config: { profile: 'V5_15' } });
    expect(errnoOf(() => mapPages(host, domain, 100))).toBeNull();
  });

  test('a platform made before there was a limit has none', () => {
    const { host, domain } = limited(CACHING, null);
    expect(host.invalidations(() => mapPages(host, domain, 1000))).toHaveLength(1000);
  });
});

test('a command that finds more pages mapped already than it may print lines is refused before it prints any', () => {
  const { host, domain } = limited();
  mapPages(host, domain, 100);
  const again = (pages: number) => host.linesOf(() => mapPages(host, domain, pages));
  expect(again(MOST)).toHaveLength(MOST);
  expect(
    host.linesOf(() => expect(codesOf(() => mapPages(host, domain, MOST + 1))).toEqual(['SIMULATOR_LIMIT'])),
  ).toEqual([]);
});
