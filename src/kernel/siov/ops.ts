import { attachAux, detachAux } from '../intel/aux.js';
import { INTEL_PAGE_SIZES, findUnit } from '../intel/ops.js';
import { intelDomainAlloc, intelDomainFree } from '../intel/domain-alloc.js';
import { attachPrimary, detachPrimary } from '../intel/primary.js';
import { intelReservedRegions } from '../intel/reserved-regions.js';
import type { IntelUnit } from '../intel/unit.js';
import type { Domain, DomainType } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { GroupChoice, IommuOps } from '../iommu/iommu-ops.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { ReservedRegion } from '../iommu/reserved-region.js';
import type { Subdevice } from '../mdev/subdevice.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { auxDisabled, requireFirstDomain, requiresAux } from './aux-required.js';
import { primaryAttachWarnings } from './warnings.js';

/**
 * The series' operations for the subdevice bus: everything is done to the parent. Operations not listed in
 * `functions` are absent, and the core answers for them.
 * Linux (series, patch 4/5): siov_iommu_ops, intel/siov.c.
 */
export class SiovIommuOps implements IommuOps {
  readonly name = 'siov_iommu_ops';
  readonly vendor = 'intel';
  readonly pageSizeBitmap = INTEL_PAGE_SIZES;
  readonly domainTypes = ['UNMANAGED'] as const;
  readonly functions = SIOV_FUNCTIONS;

  constructor(private readonly state: KernelState) {}

  /** Anything else gives no domain, which is why subdevice groups have no default domain. */
  domainAlloc(type: DomainType): Domain | null {
    return type === 'UNMANAGED' ? intelDomainAlloc(this.state, this, type) : null;
  }

  domainFree(domain: Domain): Steps<void> {
    return intelDomainFree(this.state, domain);
  }

  /** Whether the parent has the AUX feature or announces Scalable IOV is not asked. */
  probeDevice(endpoint: Endpoint): IntelUnit {
    return findUnit(this.state, parentOf(this.state, endpoint, 'EINVAL', 'siov_iommu_probe_device'));
  }

  releaseDevice(): void {}

  deviceGroup(endpoint: Endpoint): GroupChoice {
    return genericGroup(parentOf(this.state, endpoint, 'EINVAL', 'siov_iommu_device_group'), endpoint);
  }

  attachDev(domain: Domain, endpoint: Endpoint, warnings: string[]): void {
    attachSubdevice(this.state, domain, endpoint, warnings);
  }

  detachDev(domain: Domain, endpoint: Endpoint): void {
    detachSubdevice(this.state, domain, endpoint);
  }

  getResvRegions(endpoint: Endpoint): ReservedRegion[] {
    const parent = findParent(this.state, endpoint);
    return parent === null ? [] : intelReservedRegions(this.state, parent);
  }
}

/**
 * With the parent's AUX feature on, an auxiliary attachment of the parent; else a primary one, which takes
 * the parent away from its driver. Where the fork makes AUX a condition, the second is refused.
 */
function attachSubdevice(state: KernelState, domain: Domain, endpoint: Endpoint, warnings: string[]): void {
  const parent = parentOf(state, endpoint, 'ENODEV', 'siov_iommu_attach_device');
  if (parent.info?.auxEnabled && state.scalableMode) {
    if (requiresAux(state)) requireFirstDomain(domain, endpoint as Subdevice);
    attachAux(state, domain, parent, endpoint);
    return;
  }
  if (requiresAux(state)) throw auxDisabled(parent);
  const expected = primaryAttachWarnings(state, domain, parent, endpoint as Subdevice);
  attachPrimary(state, domain, parent, endpoint);
  warnings.push(...expected);
}

/** Chosen by the AUX feature as it is now, not as it was when the domain was attached. */
function detachSubdevice(state: KernelState, domain: Domain, endpoint: Endpoint): void {
  const parent = parentOf(state, endpoint, 'ENODEV', 'siov_iommu_detach_device');
  const aux = (parent.info?.auxEnabled ?? false) && state.scalableMode;
  if (aux || requiresAux(state)) detachAux(state, domain, parent, endpoint);
  else detachPrimary(state, parent);
}

/**
 * The PCI function behind an endpoint; null when the lookup finds no parent, or one that is not on the PCI
 * bus. As posted only a device of the mdev framework has a parent; the driver core's pointer knows that of
 * any subdevice. For mediated devices both find the same.
 */
function findParent(state: KernelState, endpoint: Endpoint): KernelDevice | null {
  if (endpoint.kind !== 'Subdevice' || endpoint.parent.parentBus !== 'pci') return null;
  const isFound = endpoint.bus.framework === 'mdev' || state.config.parentLookup === 'DEVICE_CORE';
  return isFound ? endpoint.parent : null;
}

function parentOf(
  state: KernelState,
  endpoint: Endpoint,
  errno: 'EINVAL' | 'ENODEV',
  mirrors: string,
): KernelDevice {
  const parent = findParent(state, endpoint);
  if (parent !== null) return parent;
  const rule = `${endpoint.name} has no PCI function for a parent that could be found.`;
  throw refusal(errno, mirrors, rule, { code: 'NO_PCI_PARENT', subject: endpoint.subject });
}

function genericGroup(parent: KernelDevice, endpoint: Endpoint) {
  const explanation = `${endpoint.name} has a group of its own: its requests carry a PASID of its own, whatever else ${parent.name} does.`;
  return {
    existing: null,
    reasons: [{ kind: 'SUBDEVICE', device: parent, via: null, missingAcs: [], explanation } as const],
  };
}

const SIOV_FUNCTIONS = [
  'capable',
  'domain_alloc',
  'domain_free',
  'attach_dev',
  'detach_dev',
  'map',
  'unmap',
  'iova_to_phys',
  'probe_device',
  'release_device',
  'get_resv_regions',
  'put_resv_regions',
  'device_group',
] as const;
