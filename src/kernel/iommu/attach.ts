import type { Attachment } from './attachment.js';
import type { Domain } from './domain.js';
import type { Endpoint } from './endpoint.js';
import { IommuGroup } from './iommu-group.js';
import type { KernelState } from '../state.js';
import { attachToParent, subdeviceBehind } from './attach-to-parent.js';
import { groupOfOne, requireDefaultDomain } from './group-domain.js';
import { requireSafeAttach } from './safe-attach.js';

/** What an attach did. */
export interface AttachOutcome {
  readonly attachments: readonly Attachment[];
  /** Harm the kernel does without an error. */
  readonly warnings: readonly string[];
}

/**
 * Attaches a domain to a group, or to a device that is alone in its group.
 *
 * Only a group with a default domain is protected against a second attach. When a member fails, members
 * before it stay attached. That domain and device belong to the same driver is not checked.
 * Linux: iommu_attach_group(), iommu_attach_device().
 */
export function attach(state: KernelState, domain: Domain, target: Endpoint | IommuGroup): AttachOutcome {
  const before = new Set(domain.attachments);
  const warnings: string[] = [];
  const subdevice = subdeviceBehind(state, target);
  if (subdevice !== null) {
    attachToParent(state, domain, subdevice, warnings);
  } else {
    const group = target instanceof IommuGroup ? target : groupOfOne(target, 'iommu_attach_device');
    requireDefaultDomain(group);
    requireSafeAttach(state, domain, group);
    for (const member of group.members) domain.ops.attachDev(domain, member, warnings);
    group.domain = domain;
  }
  return { attachments: domain.attachments.filter((each) => !before.has(each)), warnings };
}
