import { legacyBench, legacyRequest } from '../support/hardware/fixture-legacy.js';
import {
  FIRST_STAGE,
  scalableBench,
  scalableRequest,
  VIRTUAL_ADDRESS,
} from '../support/hardware/fixture-scalable.js';
import type { Bench } from '../support/hardware/unit-builder.js';

const REQUESTS = [
  scalableRequest({ address: '0x5123' }),
  scalableRequest({ address: VIRTUAL_ADDRESS, pasid: 5 }),
  scalableRequest({ address: VIRTUAL_ADDRESS, pasid: 6 }),
  scalableRequest({ address: '0x5123', pasid: 0x47 }),
];

function warm(): Bench {
  const bench = scalableBench();
  for (const request of REQUESTS) expect(bench.unit.translate(request).kind).toBe('TRANSLATED');
  return bench;
}

/** Kind, PASID and address of what is stale. */
const stale = (bench: Bench) =>
  bench.unit
    .cacheEntries(null, 1000)
    .filter((each) => each.stale)
    .map(({ kind, pasid }) => [kind, pasid]);

describe('cached entries', () => {
  test('are not stale while the tables say the same', () => {
    const bench = warm();
    const kinds = bench.unit.cacheEntries(null, 1000).map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['CONTEXT', 'PASID', 'IOTLB', 'PAGING_STRUCTURE']));
    expect(kinds.filter((kind) => kind === 'IOTLB')).toHaveLength(4);
    expect(stale(bench)).toEqual([]);
  });

  test('looking at them changes nothing', () => {
    const bench = warm();
    const before = JSON.stringify(bench.unit.cacheEntries(null, 1000));
    const events = bench.events.length;
    bench.unit.cacheEntries(null, 1000);
    expect(JSON.stringify(bench.unit.cacheEntries(null, 1000))).toBe(before);
    expect(bench.events).toHaveLength(events);
    expect(bench.faultStatus).toBe(0);
  });

  test('a changed leaf makes its translation stale and nothing above it', () => {
    const bench = warm();
    bench.store(FIRST_STAGE.leaf, '0x000000000DEF1007');
    expect(stale(bench)).toEqual([['IOTLB', 5]]);
  });

  test('a lost permission makes a translation stale', () => {
    const bench = warm();
    bench.store(0x63028, '0x000000000BCD5001');
    expect(stale(bench)).toEqual([['IOTLB', 0x47]]);
  });

  test('a changed table pointer makes the cached table stale too', () => {
    const bench = warm();
    bench.store(0x62000, '0x0');
    expect(stale(bench)).toEqual([
      ['IOTLB', 0x47],
      ['PAGING_STRUCTURE', 0x47],
    ]);
  });

  test('a cleared PASID entry makes what came through it stale, siblings not', () => {
    const bench = warm();
    bench.store(0x321c0, '0x0');
    expect(stale(bench)).toEqual([
      ['PASID', 0x47],
      ['IOTLB', 0x47],
      ['PAGING_STRUCTURE', 0x47],
    ]);
  });

  test('a changed context entry makes the cached one stale', () => {
    const bench = warm();
    bench.store(0x21100, '0x000000000003000D');
    expect(stale(bench)).toEqual([['CONTEXT', null]]);
  });

  test('of legacy tables are watched the same way', () => {
    const bench = legacyBench();
    bench.unit.translate(legacyRequest());
    expect(stale(bench)).toEqual([]);
    bench.store(0x11108, '0x0000000000004302');
    expect(stale(bench)).toEqual([['CONTEXT', null]]);
  });

  test('a kind and a limit choose which are shown', () => {
    const bench = warm();
    expect(bench.unit.cacheEntries('IOTLB', 2)).toHaveLength(2);
    expect(bench.unit.cacheEntries('CONTEXT', 100)).toMatchObject([
      {
        kind: 'CONTEXT',
        sourceId: 0x6a08,
        domainId: null,
        pasid: null,
        address: null,
        target: null,
        access: [],
      },
    ]);
    expect(
      bench.unit
        .cacheEntries('PASID', 100)
        .map(({ pasid }) => pasid)
        .sort(),
    ).toEqual([0, 5, 6, 0x47].sort());
  });
});
