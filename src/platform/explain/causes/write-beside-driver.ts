import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { lastWriteTo } from '../raw-writes.js';
import { isPageForbidden, isPageMissing } from '../reasons.js';
import { entry, sender, writtenBy } from '../text.js';

/** The entry that stops the walk was written past the driver, and grants less than the driver had put there. */
export const writeBesideDriver: CauseRule = (fault) => {
  const { fault: event, requester, stoppedAt, rawWrites, domain, history } = fault;
  if (stoppedAt === null || !(isPageMissing(fault) || isPageForbidden(fault))) return null;
  const writer = lastWriteTo(rawWrites, stoppedAt.entryAddress, stoppedAt.words.length * 8);
  const mapping = history.mappings.findLast((record) => record.domain === domain?.number);
  if (writer === null || (mapping !== undefined && mapping.mappedBy > writer.revision)) return null;
  return {
    code: 'ENTRY_OVERWRITTEN',
    confidence:
      mapping !== undefined && mapping.unmappedBy === null ? CONFIDENCE.CERTAIN + 2 : CONFIDENCE.LIKELY,
    explanation: `${sender(requester.name, event)} was refused by an entry that command ${writer.revision} wrote past the driver.`,
    evidence: [writtenBy(writer), `The walk ends at ${entry(stoppedAt)}.`],
    subject: domain?.subject ?? null,
    remedies: [advice('Unmap the range and map it again, so that the driver writes the entry anew.')],
  };
};
