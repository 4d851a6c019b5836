import type { TranslationResult } from '../../../src/hardware/request.js';
import { evidenceTest, readJsonLines } from '../../support/hardware/evidence.js';
import { type CaptureStep, FaultReplay, type Replayed } from '../../support/hardware/fault-replay.js';

/** A way the emulator differs from the architecture, and the requests it shows in. */
interface Departure {
  readonly name: string;
  readonly covers: (seen: Replayed, reason: number | null) => boolean;
}

/** Second-stage and table reasons of scalable mode by the legacy ones the emulator gives instead. */
const SCALABLE_FOR_LEGACY: Readonly<Record<number, readonly number[]>> = {
  0x01: [0x39],
  0x02: [0x41],
  0x03: [0x7b],
  0x04: [0x84],
  0x05: [0x79, 0x85],
  0x06: [0x79, 0x86],
  0x07: [0x78],
  0x08: [0x38],
  0x09: [0x40],
  0x0a: [0x3a],
  0x0b: [0x42],
  0x0c: [0x7a],
};

/** Whether the emulator's reason is ours, or the one it gives in its place. */
function explains(emulatorReason: number, reason: number | null): boolean {
  if (reason === null) return false;
  return reason === emulatorReason || (SCALABLE_FOR_LEGACY[emulatorReason] ?? []).includes(reason);
}

const DEPARTURES: readonly Departure[] = [
  {
    name: 'an access a cached translation does not permit is dropped without a fault',
    covers: ({ emulatorReason, access }, reason) =>
      emulatorReason === null && (access === 'WRITE' ? [0x05, 0x85] : [0x06, 0x86]).includes(reason ?? 0),
  },
  {
    // The emulator has no paging-structure cache; hardware may go on using a pointer it has seen.
    name: 'a cached pointer hides an edit that no invalidation followed',
    covers: ({ emulatorReason, result, fresh }) =>
      emulatorReason !== null &&
      result.kind === 'TRANSLATED' &&
      explains(emulatorReason, blockedReason(fresh)),
  },
  {
    name: 'a read of the interrupt range is dropped without a fault',
    covers: ({ address, emulatorReason }, reason) =>
      BigInt(address) >> 20n === 0xfeen && emulatorReason === null && reason === 0x29,
  },
  {
    name: 'scalable mode reports legacy reasons',
    covers: ({ emulatorReason }, reason) =>
      emulatorReason !== null &&
      reason !== null &&
      (SCALABLE_FOR_LEGACY[emulatorReason] ?? []).includes(reason),
  },
  {
    name: 'every trouble on the way to a PASID entry is 0x58',
    covers: ({ emulatorReason }, reason) =>
      emulatorReason === 0x58 && [0x42, 0x43, 0x50, 0x51, 0x59, 0x5b].includes(reason ?? 0),
  },
  {
    name: 'first-stage and nested entries are walked as second-stage on a unit without either',
    covers: ({ emulatorReason, desc }, reason) =>
      emulatorReason === 0x06 && /nested|the other level/.test(desc) && reason === 0x5b,
  },
  {
    name: 'bit 11 of a leaf is accepted in scalable mode without snoop control',
    covers: ({ emulatorReason, desc }, reason) =>
      emulatorReason === null && /SNP/.test(desc) && reason === 0x7a,
  },
];

/** Refused without a record, as FPD asks. */
const isSilent = ({ result }: Replayed) => result.kind === 'BLOCKED' && !result.recorded;
const blockedReason = (result: TranslationResult) => (result.kind === 'BLOCKED' ? result.reason : null);
const reasonOf = ({ result }: Replayed) => blockedReason(result);

/** The emulator's record fills reserved fields; what both define is the type, the source and the address. */
function compareRecords(seen: Replayed): boolean {
  if (seen.emulatorRecord === null || seen.record === null) return false;
  const defined = (1n << 62n) | 0xffffn;
  expect({ step: seen.step, hi: seen.record.hi & defined }).toEqual({
    step: seen.step,
    hi: seen.emulatorRecord.hi & defined,
  });
  // Address bits at and above the largest width read 0 on hardware; the emulator keeps them.
  const width = (1n << 48n) - 1n;
  expect({ step: seen.step, lo: seen.record.lo }).toEqual({
    step: seen.step,
    lo: seen.emulatorRecord.lo & width,
  });
  return true;
}

describe.each(['faults-legacy', 'faults-scalable'])(
  'DMA of a real kernel under edited tables: %s',
  (name) => {
    const capture = `faults/${name}`;

    evidenceTest(capture, 'every request ends as on the emulator, or departs for a named reason', () => {
      const replayed = new FaultReplay(readJsonLines<CaptureStep>(capture, 'events.jsonl')).run();
      const departures = new Map<string, number>();
      let agreed = 0;
      let records = 0;
      const unexplained: object[] = [];
      for (const seen of replayed) {
        const reason = reasonOf(seen);
        const bothSilent = seen.emulatorReason === null && seen.emulatorPage === null && isSilent(seen);
        if (reason === seen.emulatorReason || bothSilent) {
          agreed++;
          if (
            seen.result.kind === 'TRANSLATED' &&
            seen.emulatorPage !== null &&
            seen.emulatorReason === null
          ) {
            const pages = new Set([seen.emulatorPage, Math.floor(seen.result.physical / 4096) * 4096]);
            if (pages.size !== 1 && seen.result.pageSize === 4096 && !/cross/.test(seen.desc))
              unexplained.push(seen);
          }
        } else {
          const departure = DEPARTURES.find(({ covers }) => covers(seen, reason));
          if (departure === undefined) unexplained.push({ ...seen, reason });
          else departures.set(departure.name, (departures.get(departure.name) ?? 0) + 1);
        }
        if (compareRecords(seen)) records++;
      }
      const named = [...departures].map(([what, times]) => `${what}: ${times}`);
      process.stdout.write(
        `${name}: ${replayed.length} requests, ${agreed} agree, ${records} records compared; departures: ${named.join('; ')}\n`,
      );
      expect(unexplained).toEqual([]);
      expect(agreed).toBeGreaterThan(0);
    });
  },
);
