import fc from 'fast-check';
import type { TranslationResult } from '../../src/hardware/request.js';
import { hex64, wordOf } from '../support/hardware/words.js';
import { type Mode, twinCase } from './arbitraries.js';
import { dmaRequest, Pair } from './pair.js';
import { runs } from './runs.js';
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
        for (const request of made.requests) {
          compare(pair, request, count);
          if (pair.structuresMarked()) return;
        }
      }),
      runs(CASES),
    );
    const lines = [...tally]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([what, times]) => `${what}: ${times}`);
    process.stdout.write(`twin ${mode}: ${runs(CASES).numRuns} tables; ${lines.join(', ')}\n`);
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
  const traced = pair.bench.unit.trace(dmaRequest(request)).result;
  const expected = expectedSummary(outcome, request);
  equal('trace', summary(traced), expected);
  const unitWords = pair.unitWords();
  if (before.some(([address, value]) => unitWords[address / 8] !== value))
    throw new Error('a trace wrote to memory');
  equal('FSTS', pair.bench.faultStatus, 0);

  const result = pair.translate(request);
  count(
    outcome.kind === 'FAULT' || outcome.kind === 'EMPTY'
      ? `${outcome.kind} 0x${outcome.reason.toString(16)}`
      : outcome.kind,
  );
  equal('translate', summary(result), expected);
  compareRecord(pair, request, outcome);
  compareUpdates(pair, request, outcome);
}

const permissions = (read: boolean, write: boolean) => (read ? 'r' : '-') + (write ? 'w' : '-');

/** What is compared of a result; accesses only where a page table decided them. */
function summary(result: TranslationResult): string {
  switch (result.kind) {
    case 'TRANSLATED': {
      const { physical, pageSize, access } = result;
      if (pageSize === 0) return `PASS 0x${physical.toString(16)}`;
      return `PASS 0x${physical.toString(16)} ${permissions(access.read, access.write)} of ${pageSize}`;
    }
    case 'INTERRUPT':
      return 'INTERRUPT';
    case 'BLOCKED':
      return `FAULT 0x${result.reason.toString(16)} ${result.recorded ? 'recorded' : 'silent'} ${result.completion}`;
    case 'EMPTY':
      return 'EMPTY';
  }
}

function expectedSummary(outcome: TwinOutcome, request: TwinRequest): string {
  switch (outcome.kind) {
    case 'PASS': {
      const { page, physical } = outcome;
      if (page === null) return `PASS 0x${physical.toString(16)}`;
      const isTranslation = request.addressType === 'TRANSLATION_REQUEST';
      if (isTranslation && !page.read && !page.write) return 'EMPTY';
      return `PASS 0x${physical.toString(16)} ${permissions(page.read, page.write)} of ${page.size}`;
    }
    case 'INTERRUPT':
      return 'INTERRUPT';
    case 'FAULT':
      return `FAULT 0x${outcome.reason.toString(16)} ${outcome.recorded ? 'recorded' : 'silent'} ${outcome.completion}`;
    case 'EMPTY':
      return 'EMPTY';
  }
}

/** Throws unless equal; a matcher would take longer than the walk it looks at. */
function equal(what: string, actual: string | number, expected: string | number): void {
  if (actual !== expected) throw new Error(`${what}: the unit says ${actual}, the twin ${expected}`);
}

/** Spec: VT-d 11.4.12 "Fault Recording Registers". */
function compareRecord(pair: Pair, request: TwinRequest, outcome: TwinOutcome): void {
  if (outcome.kind !== 'FAULT' || !outcome.recorded) {
    equal('FSTS', pair.bench.faultStatus, 0);
    return;
  }
  equal('FSTS', pair.bench.faultStatus, 2);
  const record = pair.bench.record();
  const foretold = recordOf(pair.machine, request, outcome.reason);
  if (outcome.reason === 0x29) {
    // The specification defines nothing of this record but the source, the reason and F.
    const defined = 0x800000ff0000ffffn;
    equal('record', `${BigInt(record.hi) & defined}`, `${BigInt(foretold.hi) & defined}`);
  } else {
    equal('record', `${record.hi} ${record.lo}`, `${foretold.hi} ${foretold.lo}`);
  }
  pair.bench.clearFault();
  equal('FSTS', pair.bench.faultStatus, 0);
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
    equal('memory', listed(differences), '');
    return;
  }
  // A refused walk may or may not have marked the entries it passed, and a translation request may mark a
  // page dirty ahead of the write; nothing else may change.
  const others = differences.filter(({ unit, twin }) => ((unit ^ twin) & ~UPDATE_BITS) !== 0n);
  equal('memory', listed(others), '');
  pair.acceptUnitMemory();
}

function listed(differences: { address: number; unit: bigint; twin: bigint }[]): string {
  return differences
    .map(({ address, unit, twin }) => [address, unit, twin].map((n) => n.toString(16)).join(' '))
    .join('; ');
}
