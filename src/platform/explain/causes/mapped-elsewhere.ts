import { rangeOf } from '../address-history.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { mapRemedy } from '../map-remedy.js';
import { isPageMissing } from '../reasons.js';
import { hex, lifetime, sender } from '../text.js';
import { domainsOf } from '../domains-of.js';

/** The page is mapped in a domain the requester had before: it was moved and goes on with old addresses. */
export const mappedElsewhere: CauseRule = (fault) => {
  const { fault: event, domain, requester, history } = fault;
  if (!isPageMissing(fault)) return null;
  const earlier = domainsOf(fault).filter(
    ({ detachedBy, domain: number }) => detachedBy !== null && number !== domain?.number,
  );
  for (const attachment of earlier.toReversed()) {
    const mapping = history.mappings.findLast(
      (record) => record.domain === attachment.domain && record.unmappedBy === null,
    );
    if (mapping === undefined) continue;
    return {
      code: 'DOMAIN_SWITCHED',
      confidence: CONFIDENCE.STRONG - 5,
      explanation: `${sender(requester.name, event)} used ${hex(event.address)} of domain ${attachment.domain}, from which command ${attachment.detachedBy} took it${domain === null ? '' : `; it is translated by domain ${domain.number} now`}. It was moved while it worked.`,
      evidence: [lifetime(mapping)],
      subject: { kind: 'Domain', number: attachment.domain },
      remedies: [
        advice('Stop the device before its domain is changed, and give it addresses of the new one.'),
        mapRemedy(fault, {
          text: 'Map the range in the domain the device has now as well.',
          wanted: rangeOf(mapping),
          replaces: false,
          weakensIsolation: true,
        }),
      ],
    };
  }
  return null;
};
