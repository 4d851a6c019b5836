import { newestMapping, rangeOf } from '../address-history.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { mapRemedy } from '../map-remedy.js';
import { isPageMissing } from '../reasons.js';
import { entry, hex, lifetime, sender, wanted } from '../text.js';

/** The page was mapped in the domain and is no longer: the device still works on a buffer taken away from it. */
export const useAfterUnmap: CauseRule = (fault) => {
  const { fault: event, domain, requester, stoppedAt } = fault;
  if (!isPageMissing(fault) || domain === null) return null;
  const mapping = newestMapping(fault.history, domain.number);
  if (mapping === null || mapping.unmappedBy === null) return null;
  const { unmappedBy } = mapping;
  return {
    code: 'USE_AFTER_UNMAP',
    confidence: CONFIDENCE.STRONG + 5,
    explanation: `${sender(requester.name, event)} wanted to ${wanted(event)} ${hex(event.address)} after command ${unmappedBy} had unmapped it from domain ${domain.number}: the device still works on a buffer that was taken away.`,
    evidence: [lifetime(mapping), ...(stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`])],
    subject: domain.subject,
    remedies: [
      advice(
        'In the driver: stop the device, or wait until it says that it is done with the buffer, before unmapping it.',
      ),
      mapRemedy(fault, {
        text: 'Map the range again. That hides the mistake: the device then reaches memory whose owner may be another by now.',
        wanted: rangeOf(mapping),
        replaces: false,
        weakensIsolation: true,
      }),
    ],
  };
};
