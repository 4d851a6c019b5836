import { newestMapping } from '../address-history.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { isPageMissing } from '../reasons.js';
import { entry, hex, sender, wanted } from '../text.js';

/** Nothing was ever mapped at the page in this domain. */
export const neverMapped: CauseRule = (fault) => {
  const { fault: event, domain, requester, stoppedAt, history } = fault;
  if (!isPageMissing(fault)) return null;
  if (domain !== null && newestMapping(history, domain.number) !== null) return null;
  const where = domain === null ? 'the domain of its sender' : `domain ${domain.number}`;
  const whole = history.since === 1;
  return {
    code: 'NEVER_MAPPED',
    confidence: CONFIDENCE.PLAUSIBLE,
    explanation: `${sender(requester.name, event)} wanted to ${wanted(event)} ${hex(event.address)}, where nothing was ever mapped in ${where}: its driver gave it an address that is no DMA address, or it made one up.`,
    evidence: [
      whole
        ? `No event before the fault maps the page in ${where}.`
        : `No event from number ${history.since} on maps the page in ${where}; older ones are not kept.`,
      ...(stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`]),
      ...(event.address.hi === 0 && event.address.lo === 0
        ? ['Page 0 is what a device uses that was given no address at all.']
        : []),
    ],
    subject: domain?.subject ?? requester.device?.subject ?? null,
    remedies: [
      advice(
        'In the driver: give the device the address dma_map_*() or the container returned, and nothing else.',
      ),
      advice(
        'Let the device past translation: `iommu=pt`, or `identity` in the type file of its group. It then reaches all memory.',
        true,
      ),
    ],
  };
};
