import { attachAux, detachAux } from '../intel/aux.js';
import { attachPrimary } from '../intel/primary.js';
import { KernelError } from '../errno.js';
import type { Domain } from './domain.js';
import type { Endpoint } from './endpoint.js';
import { IommuGroup } from './iommu-group.js';
import type { Subdevice } from '../mdev/subdevice.js';
import type { KernelState } from '../state.js';
import { requireFirstDomain, requiresAux } from '../siov/aux-required.js';
import { primaryAttachWarnings } from '../siov/warnings.js';
import { attachForSubdevice, detachForSubdevice } from './attach-pasid.js';
import { groupOfOne, requireDefaultDomain, returnToDefault } from './group-domain.js';

/**
 * The subdevice a target stands for, in kernels where whoever hands it to user space attaches domains to
 * its parent instead; null in others, and for everything else.
 */
export function subdeviceBehind(state: KernelState, target: Endpoint | IommuGroup): Subdevice | null {
  if (state.model.attachesToParent === 'NEVER') return null;
  const member = target instanceof IommuGroup ? target.members[0] : target;
  return member?.kind === 'Subdevice' ? member : null;
}

/**
 * Attaches a domain to a subdevice's parent for it: under a PASID, or, where the parent's AUX feature is
 * off, as what the parent itself uses. The second goes through the parent's group, so a group in use
 * refuses it and a detach restores the default domain.
 * Linux: vfio_mdev_attach_domain(); iommu_attach_device_pasid().
 *
 * @param warnings gets the harm done without an error
 */
export function attachToParent(
  state: KernelState,
  domain: Domain,
  subdevice: Subdevice,
  warnings: string[],
): void {
  const { parent } = subdevice;
  if (state.model.attachesToParent === 'PASID') {
    attachForSubdevice(state, domain, subdevice);
    return;
  }
  if (usesAux(state, subdevice) || requiresAux(state)) {
    if (requiresAux(state)) requireFirstDomain(domain, subdevice);
    attachAux(state, domain, parent, subdevice);
    return;
  }
  const group = groupOfOne(parent, 'iommu_attach_device');
  requireDefaultDomain(group);
  const expected = primaryAttachWarnings(state, domain, parent, subdevice);
  attachPrimary(state, domain, parent, subdevice);
  group.domain = domain;
  warnings.push(...expected);
}

/**
 * Takes a domain off a parent again. Chosen by the AUX feature as it is now: switched off since, an
 * auxiliary attachment stays behind, and nothing says so. Linux: vfio_mdev_detach_domain().
 */
export function detachFromParent(state: KernelState, domain: Domain, subdevice: Subdevice): void {
  const { parent } = subdevice;
  if (!parent.attachments.some((each) => each.endpoint === subdevice && each.domain === domain)) {
    const rule = `Domain ${domain.number} is not attached to ${parent.name} for subdevice ${subdevice.uuid}.`;
    throw new KernelError('EINVAL', 'iommu_detach_device', rule, [
      { code: 'NOT_ATTACHED', message: rule, subject: subdevice.subject, remedy: null },
    ]);
  }
  if (state.model.attachesToParent === 'PASID') detachForSubdevice(state, domain, subdevice);
  else if (detachesAux(state, subdevice)) detachAux(state, domain, parent, subdevice);
  else returnToDefault(groupOfOne(parent, 'iommu_detach_device'), domain);
}

/** Whether a detach takes an auxiliary attachment off a subdevice's parent, or its primary domain. */
export function detachesAux(state: KernelState, subdevice: Subdevice): boolean {
  return usesAux(state, subdevice) || requiresAux(state);
}

/** Linux: iommu_dev_feature_enabled(). */
function usesAux(state: KernelState, { parent }: Subdevice): boolean {
  return (parent.info?.auxEnabled ?? false) && state.scalableMode;
}
