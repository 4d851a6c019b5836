import fc from 'fast-check';
import { wordOf } from '../support/hardware/words.js';
import { descriptorOf, type Operation } from './cache-model.js';
import { FULL_CAPABILITIES } from './full-capabilities.js';
import { dmaRequest, Pair } from './pair.js';
import { runs } from './runs.js';
import type { PlacedWord } from './tables.js';
import type { TwinPolicy, TwinRequest } from './twin-machine.js';
import { twinTranslate } from './twin-translate.js';

const POLICY: TwinPolicy = { checks: 'EACH_LEVEL', absentTable: 'ABSENT', interruptOverlap: 'ADDRESS' };
const CASES = 200;
const DOMAIN = 0x20;
const PASID = 1;

type Stage = 'SECOND' | 'FIRST';

/**
 * Four levels with two ways at each of the lower three, so that eight pages have eight separate paths:
 * tables at 0x20000 (L4), 0x21000 (L3), 0x22000 and 0x23000 (L2), 0x24000 to 0x27000 (L1).
 */
function tableAt(level: number, path: number): number {
  if (level === 4) return 0x20000;
  if (level === 3) return 0x21000;
  return level === 2 ? 0x22000 + (path >> 2) * 0x1000 : 0x24000 + (path >> 1) * 0x1000;
}

/** The way taken at a level: the top one has a single way. */
const wayAt = (level: number, path: number) => (level === 4 ? 0 : (path >> (level - 1)) & 1);
const entryAt = (level: number, path: number) => tableAt(level, path) + 8 * wayAt(level, path);
const frameOf = (path: number) => 0x80000000n + BigInt(path) * 0x1000n;

function addressOf(path: number): bigint {
  return [1, 2, 3].reduce((sum, level) => sum | (BigInt(wayAt(level, path)) << BigInt(3 + 9 * level)), 0n);
}

/** What an entry of the path holds when nothing was changed. */
function originalEntry(level: number, path: number, flags: bigint): bigint {
  return (level === 1 ? frameOf(path) : BigInt(tableAt(level - 1, path))) | flags;
}

function tables(stage: Stage): PlacedWord[] {
  const flags = stage === 'FIRST' ? 7n : 3n;
  const pasidEntry: bigint[] =
    stage === 'FIRST' ? [0x41n, BigInt(DOMAIN) | 0x800000n, 0x20000n] : [0x20089n, BigInt(DOMAIN), 0n];
  const words: PlacedWord[] = [
    { address: 0x10000, value: 0x11001n },
    { address: 0x11100, value: 0x13009n },
    { address: 0x13000, value: 0x14001n },
    ...pasidEntry.map((value, index) => ({ address: 0x14040 + index * 8, value })),
  ];
  for (let path = 0; path < 8; path++) {
    for (let level = 4; level >= 1; level--) {
      words.push({ address: entryAt(level, path), value: originalEntry(level, path, flags) });
    }
  }
  return [...words, ...spareTables(flags)];
}

/** A chain of tables (L3, L2, L1) that no change touches, for entries to point to instead. */
const SPARE = 0x28000;

function spareTables(flags: bigint): PlacedWord[] {
  return [0, 1, 2].flatMap((step) =>
    [0, 1].map((way) => ({
      address: SPARE + step * 0x1000 + way * 8,
      value: (step === 2 ? frameOf(16 + way) : BigInt(SPARE + (step + 1) * 0x1000)) | flags,
    })),
  );
}

interface Change {
  readonly path: number;
  readonly level: number;
  readonly kind: 'ABSENT' | 'READ_ONLY' | 'OTHER_TARGET' | 'LARGE_PAGE' | 'ORIGINAL';
}

const change: fc.Arbitrary<Change> = fc.record({
  path: fc.nat(7),
  level: fc.integer({ min: 1, max: 4 }),
  kind: fc.constantFrom('ABSENT', 'READ_ONLY', 'OTHER_TARGET', 'LARGE_PAGE', 'ORIGINAL'),
});

function changedEntry({ path, level, kind }: Change, stage: Stage): bigint {
  const flags = stage === 'FIRST' ? 7n : 3n;
  const readOnly = stage === 'FIRST' ? 5n : 1n;
  switch (kind) {
    case 'ABSENT':
      return 0n;
    case 'READ_ONLY':
      return originalEntry(level, path, readOnly);
    case 'OTHER_TARGET':
      return level === 1 ? frameOf(path + 8) | flags : BigInt(SPARE + (4 - level) * 0x1000) | flags;
    case 'LARGE_PAGE':
      return level === 2 || level === 3 ? 0xc0000080n | flags : originalEntry(level, path, flags);
    case 'ORIGINAL':
      return originalEntry(level, path, flags);
  }
}

/**
 * The smallest page-selective invalidation for an entry: the pages it maps. Whether only leaves changed
 * (IH) may be said when the entry was a leaf and is one.
 */
function invalidate(pair: Pair, { path, level }: Change, stage: Stage, onlyLeaves: boolean): void {
  const operation = {
    domainId: DOMAIN,
    page: addressOf(path) >> 12n,
    mask: 9 * (level - 1),
  };
  // A top entry maps more than MAMV lets one IOTLB descriptor name.
  const second: Operation =
    level === 4 ? { kind: 'IOTLB_DOMAIN', domainId: DOMAIN } : { kind: 'IOTLB_PAGE', ...operation };
  const [low, high] = descriptorOf(
    stage === 'FIRST' ? { kind: 'PASID_PAGE', pasid: PASID, ...operation } : second,
  );
  pair.bench.submit(wordOf(low), wordOf(high | (onlyLeaves ? 0x40n : 0n)));
}

const isLeaf = (level: number, entry: bigint) => level === 1 || (entry & 0x81n) === 0x81n;

describe.each<Stage>(['SECOND', 'FIRST'])('page-selective invalidation of %s-stage tables', (stage) => {
  test('of just the pages an entry maps makes every later walk see the entry', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(change, fc.boolean()), { minLength: 1, maxLength: 12 }), (changes) => {
        const pair = new Pair({ capabilities: FULL_CAPABILITIES, rtaddr: 0x10400n, tables: tables(stage) });
        pair.bench.startQueue('0x70801');
        for (let path = 0; path < 8; path++) compare(pair, path, 'READ');
        for (const [each, wantsHint] of changes) {
          const address = entryAt(each.level, each.path);
          const old = pair.machine.memory.words.get(address)!;
          const entry = changedEntry(each, stage);
          pair.store(address, entry);
          invalidate(pair, each, stage, wantsHint && isLeaf(each.level, old) && isLeaf(each.level, entry));
          for (let path = 0; path < 8; path++) {
            compare(pair, path, 'READ');
            compare(pair, path ^ 1, 'WRITE');
          }
        }
        expect(pair.bench.faultStatus).toBe(0);
      }),
      runs(CASES),
    );
  });
});

function compare(pair: Pair, path: number, type: 'READ' | 'WRITE'): void {
  const request: TwinRequest = {
    sourceId: 0x0008,
    pasid: PASID,
    address: addressOf(path),
    type,
    addressType: 'UNTRANSLATED',
    privileged: false,
    zeroLength: false,
  };
  const expected = twinTranslate(pair.machine, request, POLICY);
  const actual = pair.bench.unit.translate(dmaRequest(request));
  const seen =
    actual.kind === 'TRANSLATED'
      ? `0x${actual.physical.toString(16)}`
      : actual.kind === 'BLOCKED'
        ? actual.reason
        : actual.kind;
  const foretold =
    expected.kind === 'PASS'
      ? `0x${expected.physical.toString(16)}`
      : expected.kind === 'FAULT'
        ? expected.reason
        : expected.kind;
  if (seen !== foretold)
    throw new Error(`${type} of page ${path}: the unit says ${seen}, the twin ${foretold}`);
  if (actual.kind === 'BLOCKED') pair.bench.clearFault();
  pair.acceptUnitMemory();
}
