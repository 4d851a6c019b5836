import { requireNoLevelDrop } from '../intel/prepare-domain.js';
import { requireListedOnce } from '../intel/primary.js';
import type { Domain } from './domain.js';
import type { IommuGroup } from './iommu-group.js';
import type { KernelState } from '../state.js';

/**
 * Refuses to attach a group when the real driver would not survive one of its members. Each attach looks
 * for itself; a group of several asks before the first, so that a refusal of the model's own finds nothing
 * half done.
 */
export function requireSafeAttach(state: KernelState, domain: Domain, group: IommuGroup): void {
  if (group.members.length < 2) return;
  for (const member of group.members) {
    if (member.kind !== 'Device' || member.unit === null) continue;
    requireNoLevelDrop(state, domain, member.unit);
    requireListedOnce(state, member, member.unit);
  }
}
