import { domainsOf } from '../domains-of.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { NO_PASID_ENTRY, isPageMissing } from '../reasons.js';
import { entry, hex, lifetime, sender } from '../text.js';

/** The tag on the request is not the one under which its address is mapped, or no domain has that tag. */
export const wrongPasid: CauseRule = (fault) => {
  const { fault: event, requester, stoppedAt, history, domain } = fault;
  const { pasid } = event;
  if (pasid === null) return null;
  const attachments = domainsOf(fault).filter((attachment) => attachment.pasid !== null);
  const live = attachments.filter(({ detachedBy }) => detachedBy === null);
  const mapped = live.find(({ domain: number }) =>
    history.mappings.some(
      (record) => record.domain === number && record.unmappedBy === null && number !== domain?.number,
    ),
  );
  const hasNoEntry = NO_PASID_ENTRY.has(event.reason);
  if (!hasNoEntry && !(isPageMissing(fault) && mapped !== undefined)) return null;
  const gone = attachments.findLast(
    (attachment) => attachment.pasid === pasid && attachment.detachedBy !== null,
  );
  const known = live.map((attachment) => attachment.pasid).join(', ') || 'none';
  const mapping = mapped && history.mappings.findLast((record) => record.domain === mapped.domain);
  return {
    code: hasNoEntry && gone !== undefined && mapped === undefined ? 'PASID_DETACHED' : 'WRONG_PASID',
    confidence:
      mapped !== undefined || gone !== undefined || hasNoEntry ? CONFIDENCE.STRONG + 10 : CONFIDENCE.LIKELY,
    explanation:
      `${sender(requester.name, event)} used ${hex(event.address)}` +
      (hasNoEntry
        ? gone === undefined
          ? `, and no domain is attached under PASID ${pasid}: the work was queued with a wrong PASID.`
          : `, and command ${gone.detachedBy} had detached domain ${gone.domain} from PASID ${pasid}.`
        : `, which is mapped under PASID ${mapped!.pasid} and not under this one: the work was queued with a wrong PASID.`),
    evidence: [
      `PASIDs of ${requester.name} with a domain: ${known}.`,
      ...(mapping === undefined ? [] : [`Under PASID ${mapped!.pasid}: ${lifetime(mapping)}`]),
      ...(stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`]),
    ],
    subject: requester.device?.subject ?? null,
    remedies: [
      advice(
        mapped === undefined
          ? `Submit the work with the PASID its domain is attached under, or attach a domain first.`
          : `Submit the work with PASID ${mapped.pasid}.`,
      ),
    ],
  };
};
