import { KernelError } from '../errno.js';
import type { Domain, DomainType } from './domain.js';
import type { IommuOps } from './iommu-ops.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { noTableMemory } from '../table-memory.js';

/**
 * A new domain for devices of a bus. The kernel's function answers NULL without a reason; EIO is what its
 * callers make of that. Linux: __iommu_domain_alloc().
 */
export function allocDomain(state: KernelState, busName: string, type: DomainType): Domain {
  const ops = opsOfBus(state, busName, type);
  if (ops === null) throw refused(`The ${busName} bus has no IOMMU operations.`, 'NO_BUS_OPS', null);
  const domain = ops.domainAlloc(type);
  if (domain !== null) return domain;
  if (ops.domainTypes.includes(type))
    throw noTableMemory(state, 'EIO', 'iommu_domain_alloc', 'its first table');
  throw refused(
    `${ops.name} makes no ${type} domains, only ${ops.domainTypes.join(', ')}.`,
    'DOMAIN_TYPE',
    `Ask for ${ops.domainTypes[0]}.`,
  );
}

/** A bus with a table for each vendor has nothing to choose by but the type: the first that makes it. */
function opsOfBus(state: KernelState, busName: string, type: DomainType): IommuOps | null {
  const bus = state.buses.get(busName);
  if (bus === undefined) return null;
  const tables = [...bus.opsOfVendor.values()];
  return bus.iommuOps ?? tables.find((ops) => ops.domainTypes.includes(type)) ?? tables.at(-1) ?? null;
}

/**
 * Frees a domain nothing uses. The kernel frees any, and leaves whoever uses it with dangling tables.
 * Linux: iommu_domain_free().
 */
export function* freeDomain(state: KernelState, domain: Domain): Steps<void> {
  const inUse = (message: string, subject: ReturnType<typeof subjectOf>) =>
    new KernelError('EBUSY', 'iommu_domain_free', message, [
      { code: 'DOMAIN_IN_USE', message, subject, remedy: 'Detach it first.' },
    ]);
  if (domain === state.identityDomain) {
    throw new KernelError(
      'EBUSY',
      'intel_iommu_domain_free',
      `Domain ${domain.number} is the identity domain all groups share; it is never freed.`,
    );
  }
  const container = state.vfio.ownerOf(domain);
  if (container !== null) {
    throw inUse(`Domain ${domain.number} belongs to container ${container.number}.`, container.subject);
  }
  for (const group of state.groups.values()) {
    if (group.blockingDomain === domain) {
      throw inUse(`Domain ${domain.number} blocks group ${group.number} while user space owns it.`, {
        kind: 'Group',
        number: group.number,
      });
    }
    if (group.domain !== domain && group.defaultDomain !== domain) continue;
    const role = group.defaultDomain === domain ? 'default domain' : 'current domain';
    throw inUse(`Domain ${domain.number} is the ${role} of group ${group.number}.`, {
      kind: 'Group',
      number: group.number,
    });
  }
  const live = domain.attachments.find((each) => !each.leaked);
  if (live !== undefined) {
    throw inUse(
      `Domain ${domain.number} is still attached to ${live.device.name}: its tables would be freed under the hardware.`,
      subjectOf(live.device),
    );
  }
  yield* domain.ops.domainFree(domain);
  state.domains.delete(domain.number);
  state.changed('DOMAIN_FREED', domain.subject);
}

function subjectOf(device: { readonly subject: Domain['subject'] }) {
  return device.subject;
}

function refused(rule: string, code: string, remedy: string | null): KernelError {
  return new KernelError('EIO', 'iommu_domain_alloc', rule, [{ code, message: rule, subject: null, remedy }]);
}
