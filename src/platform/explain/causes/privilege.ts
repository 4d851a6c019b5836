import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { entry, sender } from '../text.js';

/** SGN.2, SGN.3, SPT.5, SPT.6, RTA.5. */
const WHY: ReadonlyMap<number, string> = new Map([
  [
    0x81,
    'its page, or a table above it, is for supervisors only (U/S is clear) and the request was a user one',
  ],
  [0x82, 'it wanted to execute, and the page is not executable'],
  [0x5c, 'it wanted to execute, and its PASID entry does not allow that (ERE is clear)'],
  [0x5d, 'it asked for supervisor mode, and its PASID entry does not allow that (SRE is clear)'],
  [0x34, 'it wanted to execute, which this unit has no more'],
]);

/** The page is there, and not for requests of this privilege. */
export const privilege: CauseRule = ({ fault, requester, stoppedAt, domain }) => {
  const why = WHY.get(fault.reason);
  if (why === undefined) return null;
  return {
    code: 'PRIVILEGE',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, fault)} was refused because ${why}.`,
    evidence: stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`],
    subject: domain?.subject ?? null,
    remedies: [
      advice(
        'Write the entry with the U/S bit set, as the driver does for every page of a domain, or have the device ask without privilege.',
      ),
    ],
  };
};
