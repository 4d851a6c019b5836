import { KernelError } from '../errno.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelState } from '../state.js';
import type { IntelUnit } from './unit.js';

/**
 * Counts one more attachment of a domain on a unit; the first takes a domain id there and makes the
 * domain's capabilities those of the active units. Linux: domain_attach_iommu().
 */
export function takeDomainId(state: KernelState, domain: Domain, unit: IntelUnit): number {
  const held = domain.domainIds.get(unit);
  if (held !== undefined) {
    held.users++;
    return held.did;
  }
  const did = unit.domainIds.allocate();
  if (did === null) {
    state.log.print(`DMAR: ${unit.name}: No free domain ids`);
    throw new KernelError('ENOSPC', 'domain_attach_iommu', `All domain ids of ${unit.name} are in use.`, [
      {
        code: 'NO_FREE_DOMAIN_IDS',
        message: `${unit.name} has ${unit.domainIdsSupported} domain ids, and all are in use.`,
        subject: { kind: 'IommuUnit', name: unit.name },
        remedy: 'Detach or free domains that are attached through this unit.',
      },
    ]);
  }
  domain.domainIds.set(unit, { did, users: 1 });
  updateCapabilities(state, domain);
  return did;
}

/** The reverse; the last one gives the id back. Linux: domain_detach_iommu(). */
export function dropDomainId(state: KernelState, domain: Domain, unit: IntelUnit): void {
  const held = domain.domainIds.get(unit);
  if (held === undefined) return;
  held.users--;
  if (held.users > 0) return;
  unit.domainIds.free(held.did);
  domain.domainIds.delete(unit);
  updateCapabilities(state, domain);
}

/**
 * What every active unit can do, the domain may use, whether attached there or not; later kernels ask only the
 * units of its devices whether they snoop.
 * Linux: domain_update_iommu_cap(), domain_update_iommu_superpage(); domain_support_force_snooping().
 */
function updateCapabilities(state: KernelState, domain: Domain): void {
  const all = state.activeUnits.map((unit) => unit.capabilities);
  const snooping = state.profile.enforcesSnoopPerDomain
    ? [...domain.domainIds.keys()].map((unit) => unit.capabilities)
    : all;
  domain.snoopControl = snooping.every((each) => each.SC);
  let mask = state.parameters.superpages ? 3 : 0;
  for (const each of all) mask &= domain.firstLevel ? (each.FS1GP ? 3 : 1) : each.SSLPS;
  // The number of the highest bit left: 1 GiB pages without 2 MiB ones still count as two levels.
  domain.superpageLevels = 32 - Math.clz32(mask);
}
