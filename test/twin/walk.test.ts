import fc from 'fast-check';
import type { TranslationResult } from '../../src/hardware/request.js';
import { hex64, wordOf } from '../support/hardware/words.js';
import { type Mode, twinCase } from './arbitraries.js';
import { dmaRequest, Pair } from './pair.js';
import {
  span,
  type TwinMachine,
  type TwinOutcome,
  type TwinPolicy,
  type TwinRequest,
  Unspecified,
} from './twin-machine.js';
import { twinTranslate } from './twin-translate.js';

/** How our part answers what the specification leaves open. */
const POLICY: TwinPolicy = { checks: 'EACH_LEVEL', absentTable: 'ABSENT', interruptOverlap: 'ADDRESS' };

const CASES = 3000;
/** Bits a walk may set in an entry: first-stage A, D, EA; second-stage A, D. */
const UPDATE_BITS = (1n << 5n) | (1n << 6n) | (1n << 8n) | (1n << 9n) | (1n << 10n);

describe.each<Mode>(['LEGACY', 'SCALABLE'])('the unit and its twin over generated %s tables', (mode) => {
  const tally = new Map<string, number>();
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);

  test('agree on every outcome, fault record, and accessed or dirty bit', () => {
    fc.assert(
      fc.property(twinCase(mode), (made) => {
        const pair = new Pair(made);
        for (const request of made.requests) compare(pair, request, count);
      }),
      { numRuns: CASES },
    );
    const lines = [...tally]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([what, times]) => `${what}: ${times}`);
    process.stdout.write(`twin ${mode}: ${CASES} tables; ${lines.join(', ')}\n`);
  });
});

function compare(pair: Pair, request: TwinRequest, count: (what: string) => void): void {
  let outcome: TwinOutcome;
  const before = [...pair.machine.memory.words];
  try {
    outcome = twinTranslate(pair.machine, request, POLICY);
  } catch (error) {
    if (!(error instanceof Unspecified)) throw error;
    count('left open by the specification');
    for (const [address, value] of before) pair.machine.memory.words.set(address, value);
    pair.translate(request);
    pair.acceptUnitMemory();
    pair.bench.clearFault();
    return;
  }
  const memoryBefore = pair.bench.memory.fork();
  const traced = pair.bench.unit.trace(dmaRequest(request)).result;
  expect(summary(traced, request)).toEqual(expectedSummary(outcome));
  for (const [address] of before)
    expect(pair.bench.memory.load64(address)).toEqual(memoryBefore.load64(address));
  expect(pair.bench.faultStatus).toBe(0);

  const result = pair.translate(request);
  count(
    outcome.kind === 'FAULT' || outcome.kind === 'EMPTY'
      ? `${outcome.kind} 0x${outcome.reason.toString(16)}`
      : outcome.kind,
  );
  expect(summary(result, request)).toEqual(expectedSummary(outcome));
  compareRecord(pair, request, outcome);
  compareUpdates(pair, request, outcome);
}

/** What is compared of a result; accesses only where a page table decided them. */
function summary(result: TranslationResult, request: TwinRequest): object {
  switch (result.kind) {
    case 'TRANSLATED': {
      const { physical, pageSize, access } = result;
      const wholeSpace = pageSize === 0;
      const permissions = wholeSpace ? null : { read: access.read, write: access.write };
      if (request.addressType === 'TRANSLATION_REQUEST' && !wholeSpace && !access.read && !access.write)
        return { kind: 'EMPTY' };
      return { kind: 'PASS', physical: BigInt(physical), pageSize, permissions };
    }
    case 'INTERRUPT':
      return { kind: 'INTERRUPT' };
    case 'BLOCKED':
      return {
        kind: 'FAULT',
        reason: result.reason,
        recorded: result.recorded,
        completion: result.completion,
      };
    case 'EMPTY':
      return { kind: 'EMPTY' };
  }
}

function expectedSummary(outcome: TwinOutcome): object {
  switch (outcome.kind) {
    case 'PASS': {
      const { page } = outcome;
      const permissions = page === null ? null : { read: page.read, write: page.write };
      return {
        kind: 'PASS',
        physical: outcome.physical,
        pageSize: page === null ? 0 : Number(page.size),
        permissions,
      };
    }
    case 'EMPTY':
      return { kind: 'EMPTY' };
    default:
      return outcome;
  }
}

/** Spec: VT-d 11.4.12 "Fault Recording Registers". */
function compareRecord(pair: Pair, request: TwinRequest, outcome: TwinOutcome): void {
  if (outcome.kind !== 'FAULT' || !outcome.recorded) {
    expect(pair.bench.faultStatus).toBe(0);
    return;
  }
  expect(pair.bench.faultStatus).toBe(2);
  const record = pair.bench.record();
  // For 0x29 the specification defines nothing of the record but the source, the reason and F.
  const mask = outcome.reason === 0x29 ? { hi: 0x800000ff0000ffffn, lo: 0n } : { hi: ~0n, lo: ~0n };
  const masked = ({ hi, lo }: { hi: string; lo: string }) => ({
    hi: BigInt(hi) & mask.hi,
    lo: BigInt(lo) & mask.lo,
  });
  expect(masked(record)).toEqual(masked(recordOf(pair.machine, request, outcome.reason)));
  pair.bench.clearFault();
  expect(pair.bench.faultStatus).toBe(0);
}

function recordOf(machine: TwinMachine, request: TwinRequest, reason: number): { hi: string; lo: string } {
  const { capabilities: caps } = machine;
  const addressTypes = { UNTRANSLATED: 0n, TRANSLATION_REQUEST: 1n, TRANSLATED: 2n };
  let hi = (1n << 63n) | (BigInt(reason) << 32n) | BigInt(request.sourceId);
  if (request.type !== 'WRITE') hi |= 1n << 62n;
  if (request.type === 'ATOMIC') hi |= 1n << 28n;
  if (caps.dt) hi |= addressTypes[request.addressType] << 60n;
  if (caps.pasid && request.pasid !== null) {
    hi |= (BigInt(request.pasid) << 40n) | (1n << 31n);
    if (request.privileged) hi |= 1n << 29n;
  }
  const widest = caps.sagaw & 8 ? 57 : caps.sagaw & 4 ? 48 : 39;
  return { hi: hex64(wordOf(hi)), lo: hex64(wordOf(request.address & span(widest - 1, 12))) };
}

function compareUpdates(pair: Pair, request: TwinRequest, outcome: TwinOutcome): void {
  const differences = pair.differences();
  if (outcome.kind === 'PASS' && request.addressType === 'UNTRANSLATED') {
    expect(differences).toEqual([]);
    return;
  }
  // A refused walk may or may not have marked the entries it passed, and a translation request may mark a
  // page dirty ahead of the write; nothing else may change.
  for (const { unit, twin } of differences) expect((unit ^ twin) & ~UPDATE_BITS).toBe(0n);
  pair.acceptUnitMemory();
}
