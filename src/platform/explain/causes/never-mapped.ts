import { newestMapping } from '../address-history.js';
import { faultReason } from '../../../layout/fault-reasons.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, type Hypothesis, advice } from '../hypothesis.js';
import { isPageMissing } from '../reasons.js';
import { entry, hex, sender, wanted } from '../text.js';

/** Nothing was ever mapped at the page in this domain; of a line in a log, that nothing was mapped then. */
export const neverMapped: CauseRule = (fault) => {
  const { fault: event, domain, requester, stoppedAt, history } = fault;
  if (!isPageMissing(fault)) return null;
  if (!fault.isWitnessed) return notMapped(fault);
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

/** A line tells that the entry was missing, or lacked the permission, and nothing of how it came to that. */
function notMapped({ fault, requester }: FaultCase): Hypothesis {
  return {
    code: 'PAGE_NOT_MAPPED',
    confidence: CONFIDENCE.PLAUSIBLE,
    explanation: `${sender(requester.name, fault)} wanted to ${wanted(fault)} ${hex(fault.address)}, and no entry allowed that: the page was never mapped, was unmapped too early, or was mapped for the other direction. A line alone does not tell which.`,
    evidence: [`Reason ${hex(fault.reason)}: ${faultReason(fault.reason)?.text}.`],
    subject: requester.device?.subject ?? null,
    remedies: [
      advice(
        'Trace the mappings of the driver (tracepoints iommu:map and iommu:unmap), and look the address up in them.',
      ),
      advice('Let the device past translation with `iommu=pt`. It then reaches all memory.', true),
    ],
  };
}
