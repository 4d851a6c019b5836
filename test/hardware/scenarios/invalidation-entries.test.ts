import type { DmaRequest } from '../../../src/hardware/request.js';
import {
  scalableBench,
  scalableRequest,
  UPPER_SID,
  VIRTUAL_ADDRESS,
} from '../../support/hardware/fixture-scalable.js';
import { type Bench, REGISTER } from '../../support/hardware/unit-builder.js';

/** Requests that put the six entries of the scenarios into the IOTLB, and ask whether they are still there. */
const ENTRIES: Record<string, DmaRequest> = {
  E1: scalableRequest({ address: '0x5000' }),
  E2: scalableRequest({ pasid: 5, address: VIRTUAL_ADDRESS }),
  E3: scalableRequest({ pasid: 6, address: VIRTUAL_ADDRESS }),
  E4: scalableRequest({ pasid: 0x47, address: '0x5000' }),
  E5: scalableRequest({ pasid: 5, address: '0x00007F1234568000' }),
  E6: scalableRequest({ address: '0x300000' }),
};
const NAMES = Object.keys(ENTRIES);

/** Fixture S with a 256-bit queue at 0x70000 and the six entries cached. */
function filledBench(): Bench {
  const bench = scalableBench();
  bench.store(0x53000 + 8 * 0x168, '0xDEF1007');
  bench.store(0x93000 + 8 * 0x168, '0x5007');
  bench.store(0x53000 + 8 * 0x169, '0xDEF2007');
  bench.store(0x42008, '0xA00083');
  bench.startQueue('0x70801');
  for (const name of NAMES) bench.unit.translate(ENTRIES[name]);
  expect(NAMES.filter((name) => isCached(bench, ENTRIES[name]))).toEqual(NAMES);
  return bench;
}

function isCached(bench: Bench, request: DmaRequest): boolean {
  const result = bench.unit.translate(request);
  if (result.kind !== 'TRANSLATED') throw new Error(`not translated: ${JSON.stringify(result)}`);
  return result.cached;
}

function survivorsOf(qword0: string, qword1: string): string[] {
  const bench = filledBench();
  bench.submit(qword0, qword1);
  expect(bench.faultStatus).toBe(0);
  expect(bench.read64(REGISTER.IQH)).toBe(bench.read64(REGISTER.IQT));
  return NAMES.filter((name) => isCached(bench, ENTRIES[name]));
}

const without = (...gone: string[]) => NAMES.filter((name) => !gone.includes(name));

describe('IOTLB entries and the descriptors that drop them (fixture S)', () => {
  test.each([
    ['S66', 'IOTLB global', '0x0000000000000012', '0x0000000000000000', []],
    ['S67', 'IOTLB domain 0x10', '0x0000000000100022', '0x0000000000000000', without('E1', 'E6')],
    ['S68', 'IOTLB page 0x5000 of 0x10, draining', '0x00000000001000F2', '0x0000000000005000', without('E1')],
    ['S69', 'IOTLB page inside a superpage', '0x0000000000100032', '0x0000000000300000', without('E6')],
    [
      'S70',
      'IOTLB page of a domain with first-stage',
      '0x0000000000200032',
      '0x0000000000001000',
      without('E2', 'E5'),
    ],
    ['S71', 'PIOTLB page', '0x0000000500200036', '0x00007F1234567000', without('E2')],
    ['S72', 'PIOTLB 16 pages', '0x0000000500200036', '0x00007F1234560004', without('E2', 'E5')],
    ['S73', 'PIOTLB PASID 5', '0x0000000500200026', '0x0000000000000000', without('E2', 'E5')],
    ['S74', 'PIOTLB PASID 0x47, second-stage', '0x0000004700770026', '0x0000000000000000', without('E4')],
    ['S74b', 'IOTLB domain 0x77', '0x0000000000770022', '0x0000000000000000', without('E4')],
    ['S75', 'PIOTLB page of a second-stage PASID', '0x0000000000100036', '0x0000000000005000', NAMES],
  ])('%s: %s', (_id, _what, qword0, qword1, survivors) => {
    expect(survivorsOf(qword0, qword1)).toEqual(survivors);
  });
});

/** Pages no test has asked for yet, so that the walk has to begin at the context entry. */
const FRESH = {
  pasid5: scalableRequest({ pasid: 5, address: '0x00007F1234569000' }),
  pasid6: scalableRequest({ pasid: 6, address: '0x00007F1234568000' }),
  pasid47: scalableRequest({ pasid: 0x47, address: '0x6000' }),
};

/** The bench after PASIDs 5, 6 and 0x47 lost their P bit in memory and a descriptor ran. */
function afterPasidEntriesCleared(qword0: string): Bench {
  const bench = filledBench();
  bench.store(0x63030, '0xBCD6003');
  bench.store(0x31140, '0x48');
  bench.store(0x31180, '0xC8');
  bench.store(0x321c0, '0x60088');
  bench.submit(qword0, '0x0');
  return bench;
}

describe('PASID-cache and context-cache entries (fixture S)', () => {
  const isStillCached = (bench: Bench) => [
    bench.unit.translate(FRESH.pasid5).kind === 'TRANSLATED',
    bench.unit.translate(FRESH.pasid6).kind === 'TRANSLATED',
    bench.unit.translate(FRESH.pasid47).kind === 'TRANSLATED',
  ];

  test('S76: PASID-selective drops one PASID entry and leaves its translations', () => {
    const bench = afterPasidEntriesCleared('0x0000000500200017');
    expect(isStillCached(bench)).toEqual([false, true, true]);
    expect(isCached(bench, ENTRIES.E2)).toBe(true);
    expect(bench.unit.translate(FRESH.pasid5)).toMatchObject({ kind: 'BLOCKED', reason: 0x59 });
  });

  test('S77: domain-selective drops every PASID entry with that domain id, global all', () => {
    expect(isStillCached(afterPasidEntriesCleared('0x0000000000200007'))).toEqual([false, true, true]);
    expect(isStillCached(afterPasidEntriesCleared('0x0000000000000037'))).toEqual([false, false, false]);
  });

  /** Whether each source still walks with its old context entry, after all of them lost their P bit. */
  function contextSurvivors(qword0: string, sources: readonly number[]): number[] {
    const bench = filledBench();
    for (let index = 0; index < 8; index++) bench.store(0x21100 + index * 32, '0x30009');
    for (const sourceId of sources) bench.unit.translate(scalableRequest({ sourceId, address: '0x5000' }));
    for (let index = 0; index < 8; index++) bench.store(0x21100 + index * 32, '0x30008');
    bench.store(0x22000, '0x30008');
    bench.submit(qword0, '0x0');
    const fresh = (sourceId: number) =>
      bench.unit.translate(scalableRequest({ sourceId, address: '0x4000' }));
    return sources.filter((sourceId) => fresh(sourceId).kind === 'TRANSLATED');
  }

  test('S78: device-selective drops one context entry, global all', () => {
    const sources = [0x6a08, 0x6a09, UPPER_SID];
    expect(contextSurvivors('0x00006A0800000031', sources)).toEqual([0x6a09, UPPER_SID]);
    expect(contextSurvivors('0x0000000000000011', sources)).toEqual([]);
  });

  test('S79: function mask 3 drops all eight functions of a device', () => {
    const functions = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => 0x6a08 + index);
    expect(contextSurvivors('0x00036A0800000031', [...functions, UPPER_SID])).toEqual([UPPER_SID]);
  });
});
