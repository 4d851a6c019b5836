import { pfnOf, u64FromPfn } from '../../../bits/u64.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { isPageMissing } from '../reasons.js';
import { hex, range, sender, wanted } from '../text.js';

/** The page next to it is mapped: the device ran past the end, or began before the start, of its buffer. */
export const bufferOverrun: CauseRule = (fault) => {
  const { fault: event, domain, requester, history } = fault;
  if (!isPageMissing(fault) || domain === null) return null;
  // A page that was mapped once has a better explanation.
  if (history.mappings.some((mapping) => mapping.domain === domain.number)) return null;
  const pfn = pfnOf(event.address);
  const [before, after] = [pfn - 1, pfn + 1].map((at) =>
    at < 0 ? null : ([...domain.mappings(at, at)][0] ?? null),
  );
  const neighbour = before ?? after;
  if (neighbour === null) return null;
  const [run] = domain.mappings(pfnOf(neighbour.iova), pfnOf(neighbour.iova) + neighbour.size / 4096 - 1);
  const side = before === null ? 'before the start' : 'past the end';
  return {
    code: 'BUFFER_OVERRUN',
    confidence: CONFIDENCE.LIKELY,
    explanation: `${sender(requester.name, event)} wanted to ${wanted(event)} ${hex(event.address)}, the page ${side} of one that is mapped in domain ${domain.number}: it was told a length, or computed an offset, that is too large.`,
    evidence: [
      `${range(run.iova, u64FromPfn(run.size / 4096))} of domain ${domain.number} is mapped next to it.`,
    ],
    subject: domain.subject,
    remedies: [
      advice(
        'In the driver or the firmware of the device: check the length given to the device against the length that was mapped.',
      ),
    ],
  };
};
