import type { Attachment } from '../../kernel/iommu/attachment.js';
import type { Subdevice } from '../../kernel/mdev/subdevice.js';
import type { Finding, FindingRule } from './finding.js';

/**
 * Attachments the driver lost track of, and groups with more than one domain at once. Only a group with a
 * default domain refuses a second attach. Linux: iommu_attach_group().
 */
export const attachments: FindingRule = function* ({ kernel }) {
  const live = new Map<Subdevice, Attachment[]>();
  for (const domain of kernel.domains.values()) {
    for (const attachment of domain.attachments) {
      if (attachment.leaked) yield leaked(attachment);
      else if (attachment.endpoint.kind === 'Subdevice') {
        const known = live.get(attachment.endpoint);
        if (known === undefined) live.set(attachment.endpoint, [attachment]);
        else known.push(attachment);
      }
    }
  }
  for (const [subdevice, several] of live) if (several.length > 1) yield attachedTwice(subdevice, several);
};

function leaked({ domain, endpoint, device, pasid, domainIdTag, unit }: Attachment): Finding {
  const held = [pasid === null ? [] : `PASID ${pasid}`, `domain id ${domainIdTag} of ${unit.name}`].flat();
  return {
    code: 'ATTACHMENT_LEAKED',
    severity: 'WARNING',
    message: `The attachment of domain ${domain.number} to ${device.name} for ${endpoint.name} is lost: the AUX feature changed, or the parent's tables were replaced, while it existed. ${held.join(' and ')} will never be given back.`,
    subject: domain.subject,
    remedy: `Keep the AUX feature of ${device.name} on while domains are attached; what leaked stays lost.`,
  };
}

function attachedTwice(subdevice: Subdevice, several: readonly Attachment[]): Finding {
  const domains = several.map(
    ({ domain, pasid }) => `${domain.number}${pasid === null ? '' : ` (PASID ${pasid})`}`,
  );
  return {
    code: 'SECOND_ATTACH',
    severity: 'WARNING',
    message: `Subdevice ${subdevice.uuid} is attached to domains ${domains.join(' and ')}: its group has no default domain, and a group without one accepts every attach. It knows the last one only.`,
    subject: subdevice.subject,
    remedy: `Detach the domains other than ${several[several.length - 1].domain.number}.`,
  };
}
