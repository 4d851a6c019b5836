import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { lastWriteTo } from '../raw-writes.js';
import { entry, sender, writtenBy } from '../text.js';

/**
 * An entry leads nowhere, or says what cannot be: LCT.4, LSL.1, LRT.1, LCT.1, RTA.1, SRT.1, SCT.1, SCT.4,
 * SCT.9, SPD.1, SPT.1, SPT.4, SFL.1, SFL.4, SSL.1, SSL.4.
 */
const INVALID: ReadonlySet<number> = new Set([
  0x03, 0x07, 0x08, 0x09, 0x30, 0x38, 0x40, 0x43, 0x48, 0x50, 0x58, 0x5b, 0x70, 0x73, 0x78, 0x7b,
]);

/** A table pointer points past memory, or an entry's fields contradict each other. */
export const tableInvalid: CauseRule = ({ fault, requester, stoppedAt, rawWrites, domain }) => {
  if (!INVALID.has(fault.reason)) return null;
  const writer =
    stoppedAt === null ? null : lastWriteTo(rawWrites, stoppedAt.entryAddress, stoppedAt.words.length * 8);
  return {
    code: 'TABLE_INVALID',
    confidence: writer === null ? CONFIDENCE.STRONG : CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, fault)} was refused because ${stoppedAt === null ? 'the root table address leads nowhere' : `its ${stoppedAt.level} entry is invalid or leads past the end of memory`}: the table was overwritten, freed while in use, or never set up.`,
    evidence: [
      ...(stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`]),
      writer === null ? 'No command wrote the entry past the driver.' : writtenBy(writer),
    ],
    subject: domain?.subject ?? { kind: 'IommuUnit', name: fault.unit },
    remedies: [
      advice(
        'Detach the domain and attach it again, so that the driver writes the entry anew, and find out who wrote into its table.',
      ),
    ],
  };
};
