import fc from 'fast-check';
import { wordOf } from '../support/hardware/words.js';
import { CacheModel, descriptorOf, type ModelEntry, type Operation } from './cache-model.js';
import { FULL_CAPABILITIES } from './full-capabilities.js';
import { Pair } from './pair.js';
import { runs } from './runs.js';
import { scalableTables } from './tables.js';
import type { TwinRequest } from './twin-machine.js';

const CASES = 400;

/** Accesses and the entry each one leaves, in the generated scalable tables without any bit changed. */
interface Access {
  readonly request: TwinRequest;
  readonly entry: ModelEntry;
}

const PAGE_2M = 512n;
const PAGE_1G = 512n * 512n;

function access(
  sourceId: number,
  pasid: number | null,
  page: bigint,
  stage: ModelEntry['stage'],
  domainId: number,
  pages = 1n,
): Access {
  const ridPasid = sourceId === 0x80 ? 5 : 0;
  return {
    request: {
      sourceId,
      pasid,
      address: page << 12n,
      type: 'READ',
      addressType: 'UNTRANSLATED',
      privileged: false,
      zeroLength: false,
    },
    entry: {
      sourceId,
      pasid,
      pasidTag: pasid ?? ridPasid,
      domainId,
      stage,
      firstPage: page & ~(pages - 1n),
      pages,
    },
  };
}

const ACCESSES: Access[] = [
  access(0x08, null, 0n, 'SECOND', 0x10),
  access(0x08, null, 1n, 'SECOND', 0x10),
  access(0x08, null, 511n, 'SECOND', 0x10),
  access(0x08, null, 0x210n, 'SECOND', 0x10, PAGE_2M),
  access(0x08, null, 0x3ffn, 'SECOND', 0x10, PAGE_2M),
  access(0x08, null, PAGE_1G + 5n, 'SECOND', 0x10, PAGE_1G),
  access(0x80, null, 0n, 'SECOND', 0x60),
  access(0x80, null, 1n, 'SECOND', 0x60),
  access(0x08, 1, 0n, 'FIRST', 0x20),
  access(0x08, 1, 16n, 'FIRST', 0x20),
  access(0x08, 1, 0x3ffn, 'FIRST', 0x20, PAGE_2M),
  access(0x08, 1, PAGE_1G, 'FIRST', 0x20, PAGE_1G),
  access(0x80, 1, 0n, 'FIRST', 0x20),
  access(0x08, 7, 0n, 'FIRST', 0x80),
  access(0x08, 2, 0n, 'SECOND', 0x30),
  access(0x08, 2, 1n, 'SECOND', 0x30),
  access(0x08, 3, 0n, 'NESTED', 0x40),
  access(0x08, 3, 1n, 'NESTED', 0x40),
  access(0x08, 64, 0n, 'SECOND', 0x90),
  access(0x08, 64, 0x201n, 'SECOND', 0x90, PAGE_2M),
];

const domainId = fc.constantFrom(0x10, 0x20, 0x30, 0x40, 0x60, 0x80, 0x90, 0x99);
const pasid = fc.constantFrom(0, 1, 2, 3, 5, 7, 64);
const page = fc.constantFrom(
  0n,
  1n,
  16n,
  511n,
  0x200n,
  0x301n,
  0x3ffn,
  PAGE_1G,
  PAGE_1G + 0x12345n,
  1n << 30n,
);
const mask = fc.constantFrom(0, 0, 1, 4, 9, 18);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'IOTLB_GLOBAL' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('IOTLB_DOMAIN' as const), domainId }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('IOTLB_PAGE' as const), domainId, page, mask }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('PASID_ALL' as const), domainId, pasid }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('PASID_PAGE' as const), domainId, pasid, page, mask }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'CONTEXT_GLOBAL' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'PASID_CACHE_GLOBAL' as const }) },
);

const step = fc.oneof(
  { weight: 3, arbitrary: fc.nat(ACCESSES.length - 1).map((index) => ({ access: ACCESSES[index] })) },
  { weight: 1, arbitrary: operation.map((op) => ({ operation: op })) },
);

describe('the IOTLB and its twin', () => {
  test('agree on which translations are still cached after any mix of accesses and invalidations', () => {
    let hits = 0;
    let misses = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const pair = new Pair({
          capabilities: FULL_CAPABILITIES,
          rtaddr: 0x10400n,
          tables: scalableTables(FULL_CAPABILITIES),
        });
        pair.bench.startQueue('0x70801');
        const model = new CacheModel();
        for (const each of steps) {
          if ('operation' in each) {
            pair.bench.submit(...descriptorOf(each.operation).map(wordOf));
            model.apply(each.operation);
            expect(pair.bench.faultStatus).toBe(0);
            continue;
          }
          const { request, entry } = each.access;
          const expected = model.has(entry);
          if (expected) hits++;
          else misses++;
          const result = pair.translate(request);
          if (result.kind !== 'TRANSLATED' || result.cached !== expected) {
            throw new Error(`cached ${expected} foretold: ${JSON.stringify([request.pasid, result])}`);
          }
          model.insert(entry);
        }
      }),
      runs(CASES),
    );
    process.stdout.write(
      `twin caches: ${runs(CASES).numRuns} sequences, ${hits} hits and ${misses} misses foretold\n`,
    );
  });
});
