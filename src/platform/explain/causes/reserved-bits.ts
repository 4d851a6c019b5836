import type { WalkStep } from '../../../hardware/request.js';
import { CONFIDENCE, type CauseRule, type Remedy, advice } from '../hypothesis.js';
import { lastWriteTo } from '../raw-writes.js';
import { type ReservedBits, reservedBitsOf } from '../reserved-bits-of.js';
import { entry, hex, sender, writtenBy } from '../text.js';

/** LRT.3, LCT.3, LSL.2, SRT.3, SCT.3, SPD.3, SPT.3, SFL.3, SSL.3; IR.5 for interrupts. */
const RESERVED: ReadonlySet<number> = new Set([0x0a, 0x0b, 0x0c, 0x24, 0x3a, 0x42, 0x52, 0x5a, 0x72, 0x7a]);

/** A present entry has a bit set that means nothing on this unit: a table was overwritten, or made for another. */
export const reservedBits: CauseRule = (fault) => {
  const { fault: event, requester, stoppedAt, domain, rawWrites } = fault;
  if (!RESERVED.has(event.reason)) return null;
  const bits = stoppedAt === null ? null : reservedBitsOf(fault, stoppedAt);
  const writer =
    stoppedAt === null ? null : lastWriteTo(rawWrites, stoppedAt.entryAddress, stoppedAt.words.length * 8);
  const isKnown = bits !== null && bits.names.length > 0;
  const where = stoppedAt === null ? 'an entry on the way' : `its ${stoppedAt.level} entry`;
  return {
    code: 'RESERVED_BITS',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, event)} was refused because ${where} has bits set that are reserved on ${event.unit}: the table was overwritten, or written for a unit that can do more.`,
    evidence: [
      ...(stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`]),
      ...(isKnown ? [`Reserved bits that are set, as word:bit: ${bits.names.join(', ')}.`] : []),
      writer === null ? 'No command wrote the entry past the driver.' : writtenBy(writer),
    ],
    subject: domain?.subject ?? { kind: 'IommuUnit', name: event.unit },
    remedies: [
      ...(isKnown ? [clear(stoppedAt!, bits)] : []),
      advice(
        'Detach the domain and attach it again, so that the driver writes the entry anew, and find out who wrote into its table.',
      ),
    ],
  };
};

function clear({ entryAddress, words }: WalkStep, { cleared }: ReservedBits): Remedy {
  return {
    text: `Write the entry at ${hex(entryAddress)} without the reserved bits (it holds ${words.map(hex).join(' ')}), then invalidate what the unit has cached of it.`,
    commands: [{ type: 'pokeMemory', address: entryAddress, words: cleared }],
    weakensIsolation: false,
  };
}
