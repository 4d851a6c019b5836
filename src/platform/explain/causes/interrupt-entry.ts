import { INTERRUPT_FAULT } from '../../../hardware/interrupts.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { entry, hex } from '../text.js';

const { NOT_PRESENT, INDEX_BEYOND_TABLE, RESERVED_IN_REQUEST, ENTRY_ACCESS } = INTERRUPT_FAULT;

/** The message names an entry nobody filled, or one there cannot be. */
export const interruptEntry: CauseRule = ({ fault, requester, stoppedAt, unit }) => {
  const { reason } = fault;
  if (
    reason !== NOT_PRESENT &&
    reason !== INDEX_BEYOND_TABLE &&
    reason !== RESERVED_IN_REQUEST &&
    reason !== ENTRY_ACCESS
  )
    return null;
  const why =
    reason === NOT_PRESENT
      ? 'whose entry is not present: it was freed, or never filled'
      : reason === INDEX_BEYOND_TABLE
        ? `which is beyond the ${unit.interruptTable.entries} entries of the table`
        : reason === ENTRY_ACCESS
          ? 'whose entry cannot be read'
          : 'in a message with reserved bits set';
  return {
    code: 'INTERRUPT_ENTRY_MISSING',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${requester.name} signalled interrupt ${hex(fault.address)}, ${why}.`,
    evidence: stoppedAt === null ? [] : [`The entry: ${entry(stoppedAt)}.`],
    subject: requester.device?.subject ?? { kind: 'IommuUnit', name: fault.unit },
    remedies: [
      advice(
        'In the driver: free interrupts after the device was told to signal none, and set them up again after a reset.',
      ),
    ],
  };
};
