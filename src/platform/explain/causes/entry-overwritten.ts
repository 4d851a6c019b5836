import { liveMapping } from '../address-history.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { lastWriteTo } from '../raw-writes.js';
import { isPageForbidden, isPageMissing } from '../reasons.js';
import { entry, lifetime, sender, writtenBy } from '../text.js';

/** The driver mapped the page as the device wants it, and the entry in memory says otherwise. */
export const entryOverwritten: CauseRule = (fault) => {
  const { fault: event, requester, stoppedAt, rawWrites, domain, traced } = fault;
  if (stoppedAt === null || traced === null || !(isPageMissing(fault) || isPageForbidden(fault))) return null;
  const mapping = domain === null ? null : liveMapping(fault.history, domain.number);
  if (mapping === null || !(event.access === 'READ' ? mapping.read : mapping.write)) return null;
  const writer = lastWriteTo(rawWrites, stoppedAt.entryAddress, stoppedAt.words.length * 8);
  return {
    code: 'ENTRY_OVERWRITTEN',
    confidence: CONFIDENCE.CERTAIN + 2,
    explanation: `${sender(requester.name, event)} was refused at a page the driver has mapped for it: the entry in memory was overwritten.`,
    evidence: [lifetime(mapping), `The walk ends at ${entry(stoppedAt)}.`, writtenByWhom(fault, writer)],
    subject: domain!.subject,
    remedies: [
      advice(
        'Unmap the range and map it again, so that the driver writes the entry anew, and find out who wrote into its table.',
      ),
    ],
  };
};

function writtenByWhom({ fault }: FaultCase, writer: ReturnType<typeof lastWriteTo>): string {
  if (writer !== null) return writtenBy(writer);
  return `No command wrote it past the driver, so a device did: ${fault.access === 'WRITE' ? 'this very request may have been one that began in the table' : 'some request was let through to the table'}.`;
}
