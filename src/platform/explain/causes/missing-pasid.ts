import { Subdevice } from '../../../kernel/mdev/subdevice.js';
import { domainsOf } from '../domains-of.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { isPageForbidden, isPageMissing } from '../reasons.js';
import { hex, lifetime } from '../text.js';

/** The request has no tag, and its address is mapped in a domain that only a tag leads to. */
export const missingPasid: CauseRule = (fault) => {
  const { fault: event, requester, history, domain } = fault;
  if (event.pasid !== null || !(isPageMissing(fault) || isPageForbidden(fault))) return null;
  const tagged = domainsOf(fault).find(
    ({ pasid, detachedBy, domain: number }) =>
      pasid !== null &&
      detachedBy === null &&
      history.mappings.some((record) => record.domain === number && record.unmappedBy === null),
  );
  const bySubdevice = requester.sender instanceof Subdevice && requester.sender.pasid !== null;
  if (tagged === undefined && !bySubdevice) return null;
  const mapping = history.mappings.findLast((record) => record.domain === tagged?.domain);
  const pasid = tagged?.pasid ?? (requester.sender as Subdevice).pasid;
  return {
    code: 'MISSING_PASID',
    confidence: tagged === undefined ? CONFIDENCE.STRONG : CONFIDENCE.STRONG + 10,
    explanation: `A request of ${requester.name} for ${hex(event.address)} came without a PASID, so ${domain === null ? 'nothing' : `domain ${domain.number}`} translated it; the work belongs to PASID ${pasid}.`,
    evidence:
      mapping === undefined
        ? [`${(requester.sender as Subdevice).name}, which sent it, has PASID ${pasid}.`]
        : [`Under PASID ${pasid}: ${lifetime(mapping)}`],
    subject: requester.sender?.subject ?? requester.device?.subject ?? null,
    remedies: [
      advice(`In the driver: program PASID ${pasid} into the queue or the descriptor, with its enable bit.`),
    ],
  };
};
