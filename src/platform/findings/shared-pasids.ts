import type { Domain } from '../../kernel/iommu/domain.js';
import type { Finding, FindingRule } from './finding.js';

/**
 * Domains that use a PASID they no longer own: one that was attached again after its last detach uses the
 * number it had, which that detach gave back. Linux: auxiliary_unlink_device(), dmar_domain.default_pasid.
 */
export const sharedPasids: FindingRule = function* ({ kernel }) {
  const users = new Map<number, Domain[]>();
  for (const domain of kernel.domains.values()) {
    if (!domain.attachments.some(({ kind, leaked }) => kind === 'AUX' && !leaked)) continue;
    const known = users.get(domain.defaultPasid);
    if (known === undefined) users.set(domain.defaultPasid, [domain]);
    else known.push(domain);
  }
  for (const [pasid, domains] of users) {
    if (domains.length > 1) yield shared(pasid, domains);
    else if (!kernel.isPasidTaken(pasid)) yield notOwned(pasid, domains[0]);
  }
};

function shared(pasid: number, domains: readonly Domain[]): Finding {
  const each = domains.map((domain) => `${domain.number} (on ${parentsOf(domain)})`);
  return {
    code: 'PASID_SHARED',
    severity: 'WARNING',
    message: `Domains ${each.join(' and ')} use PASID ${pasid}: one of them kept the number from before its last detach, which had given it back. On a parent they have in common the one attached last would take the entry of the other, and a detach of either gives the number away once more.`,
    subject: domains[0].subject,
    remedy: 'Detach the older domain and use a newly allocated one instead.',
  };
}

function notOwned(pasid: number, domain: Domain): Finding {
  return {
    code: 'PASID_NOT_OWNED',
    severity: 'WARNING',
    message: `Domain ${domain.number} uses PASID ${pasid} on ${parentsOf(domain)}, which its last detach gave back: the next domain that needs a PASID is given the same number.`,
    subject: domain.subject,
    remedy: `Detach domain ${domain.number} and use a newly allocated one instead.`,
  };
}

function parentsOf({ attachments }: Domain): string {
  const names = attachments.filter(({ kind }) => kind === 'AUX').map(({ device }) => device.name);
  return [...new Set(names)].join(', ');
}
