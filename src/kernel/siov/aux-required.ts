import type { KernelError } from '../errno.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { AnySubdevice, Subdevice } from '../mdev/subdevice.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';

/**
 * The alternative to the posted design in which the AUX feature is a condition: what it cannot serve is refused
 * before anything is touched. Source: review of "iommu/vt-d: Add iommu_ops support for subdevice bus", 2020.
 */
export function requiresAux(state: KernelState): boolean {
  return state.config.auxRequirement === 'REQUIRED';
}

/** The errno is the one the auxiliary path itself has for it. */
export function auxDisabled(parent: KernelDevice): KernelError {
  const rule = `The AUX feature of ${parent.name} is off, and subdevices may only attach beside its primary domain.`;
  return refusal('EPERM', 'siov_iommu_attach_device', rule, {
    code: 'AUX_DISABLED',
    subject: parent.subject,
    remedy: 'Enable the AUX feature of the parent.',
  });
}

/** A subdevice's group has no default domain, so nothing in the core keeps a second domain off it. */
export function requireFirstDomain(domain: Domain, subdevice: Subdevice): void {
  const present = subdevice.parent.attachments.find(
    ({ endpoint, leaked }) => endpoint === subdevice && !leaked,
  );
  if (present === undefined) return;
  const rule = `Subdevice ${subdevice.uuid} is attached to domain ${present.domain.number}, and domain ${domain.number} would come beside it.`;
  throw refusal('EBUSY', 'siov_iommu_attach_device', rule, {
    code: 'SUBDEVICE_ATTACHED',
    subject: present.domain.subject,
    remedy: `Detach domain ${present.domain.number} first.`,
  });
}

/** One the operations of its bus refuse would have no group, and be of no use to anybody. */
export function requireServed(subdevice: AnySubdevice): void {
  subdevice.iommuOps?.probeDevice(subdevice);
}
