import fc from 'fast-check';
import type { CacheEntry } from '../../../src/hardware/caches/cache-entry.js';
import { HostMemory } from '../../../src/memory/host-memory.js';
import { wordOf } from '../../support/hardware/words.js';
import { twinRequest } from '../../twin/arbitraries.js';
import { type Operation, descriptorOf } from '../../twin/cache-model.js';
import { FULL_CAPABILITIES } from '../../twin/full-capabilities.js';
import { Pair } from '../../twin/pair.js';
import { runs } from '../../twin/runs.js';
import { scalableTables } from '../../twin/tables.js';

/** Without accessed bits in second-stage tables, which are not for the quick path. */
const CAPABILITIES = { ...FULL_CAPABILITIES, slads: false };
const TABLES = scalableTables(CAPABILITIES);
const MADE = { capabilities: CAPABILITIES, rtaddr: 0x10400n, tables: TABLES };

/** A unit whose memory has no slab; it is also made to forget routes before every request. */
function carefulUnit(): Pair {
  const pair = new Pair(MADE, new HostMemory(2 ** 36, () => false));
  pair.bench.startQueue('0x70801');
  return pair;
}

function unit(): Pair {
  const pair = new Pair(MADE);
  pair.bench.startQueue('0x70801');
  return pair;
}

function cached({ bench }: Pair): CacheEntry[] {
  const { context, pasid, iotlb, pagingStructure } = bench.unit.caches;
  return [...context.entries(), ...pasid.entries(), ...iotlb.entries(), ...pagingStructure.entries()];
}

const request = twinRequest('SCALABLE').map((request) => ({ request }));
/** Second-stage requests of few pages, so that caches fill and are used. */
const ordinary = fc
  .record({
    sourceId: fc.constantFrom(0x08, 0x80),
    pasid: fc.constantFrom(null, 64),
    page: fc.constantFrom(0n, 1n, 2n, 3n, 0x210n, 511n << 9n, 511n << 18n, (511n << 36n) | 1n, 1n << 46n),
    type: fc.constantFrom('READ' as const, 'WRITE' as const, 'ATOMIC' as const),
  })
  .map(({ page, ...rest }) => ({
    request: {
      ...rest,
      address: page << 12n,
      addressType: 'UNTRANSLATED' as const,
      privileged: false,
      zeroLength: false,
    },
  }));
/** One bit of a table entry turned over, without telling the unit. */
const change = fc
  .record({ index: fc.nat(TABLES.length - 1), bit: fc.oneof(fc.nat(12), fc.nat(63)) })
  .map((change) => ({ change }));
const operation = fc
  .constantFrom<Operation>(
    { kind: 'IOTLB_GLOBAL' },
    { kind: 'IOTLB_DOMAIN', domainId: 0x10 },
    { kind: 'IOTLB_PAGE', domainId: 0x90, page: 0n, mask: 0 },
    { kind: 'PASID_ALL', domainId: 0x90, pasid: 64 },
    { kind: 'CONTEXT_GLOBAL' },
    { kind: 'PASID_CACHE_GLOBAL' },
  )
  .map((operation) => ({ operation }));

describe('requests on the quick path', () => {
  test('get the same answers and leave the same caches as requests that are walked with care', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            { weight: 6, arbitrary: ordinary },
            { weight: 2, arbitrary: request },
            { weight: 1, arbitrary: change },
            { weight: 1, arbitrary: operation },
          ),
          { minLength: 5, maxLength: 40 },
        ),
        (steps) => {
          const pairs = [unit(), carefulUnit()];
          for (const step of steps) {
            pairs[1].bench.unit.caches.routes.forget();
            const [here, there] = pairs.map((pair) => {
              if ('request' in step) return [pair.translate(step.request), cached(pair)];
              if ('operation' in step) pair.bench.submit(...descriptorOf(step.operation).map(wordOf));
              else {
                const { address } = TABLES[step.change.index];
                const now = pair.bench.memory.load64(address);
                const bit = step.change.bit;
                pair.bench.memory.store64(address, {
                  hi: (bit < 32 ? now.hi : now.hi ^ (1 << (bit - 32))) >>> 0,
                  lo: (bit < 32 ? now.lo ^ (1 << bit) : now.lo) >>> 0,
                });
              }
              return [];
            });
            expect(here).toEqual(there);
          }
        },
      ),
      runs(150),
    );
  });

  test('come back to the tables when the root table or the translation switch changes', () => {
    const pair = unit();
    const read = {
      sourceId: 0x08,
      pasid: 64,
      address: 0n,
      type: 'READ' as const,
      addressType: 'UNTRANSLATED' as const,
      privileged: false,
      zeroLength: false,
    };
    expect(pair.translate(read).kind).toBe('TRANSLATED');
    expect(pair.translate(read)).toMatchObject({ kind: 'TRANSLATED', cached: true });
    // The table mode 11b refuses every request, cached or not.
    pair.bench.setRootTable('0x10c00');
    expect(pair.translate(read)).toMatchObject({ kind: 'BLOCKED', reason: 0x33 });
  });
});
