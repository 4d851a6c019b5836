import { u64 } from '../../bits/u64.js';
import type { DeviceFeature, FeatureState } from '../iommu/device-feature.js';
import type { Domain, DomainType } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { GroupChoice, IommuOps } from '../iommu/iommu-ops.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { ReservedRegion } from '../iommu/reserved-region.js';
import { KernelError } from '../errno.js';
import { pciDeviceGroup } from '../iommu/pci-group.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { intelDomainAlloc, intelDomainFree } from './domain-alloc.js';
import { intelDisableFeature, intelEnableFeature, intelFeatureState } from './features.js';
import { attachPrimary, detachPrimary } from './primary.js';
import { releaseDevice } from './release.js';
import { intelReservedRegions } from './reserved-regions.js';
import type { IntelUnit } from './unit.js';
import { deviceToUnit } from './unit-lookup.js';

/** Every power of two from 4 KiB up: the driver picks real page sizes itself. Linux: INTEL_IOMMU_PGSIZES. */
export const INTEL_PAGE_SIZES = u64(0xffffffff, 0xfffff000);

/** The Intel driver's operations for PCI devices. Linux: intel_iommu_ops. */
export class IntelIommuOps implements IommuOps {
  readonly name = 'intel_iommu_ops';
  readonly vendor = 'intel';
  readonly pageSizeBitmap = INTEL_PAGE_SIZES;
  readonly domainTypes: readonly DomainType[];
  readonly functions: readonly string[];

  constructor(private readonly state: KernelState) {
    this.domainTypes = [
      ...(['UNMANAGED', 'DMA'] as const),
      ...(state.profile.hasFlushQueueType ? (['DMA_FQ'] as const) : []),
      'IDENTITY',
    ];
    this.functions = state.model.attachesToParent === 'PASID' ? PASID_FUNCTIONS : INTEL_FUNCTIONS;
  }

  domainAlloc(type: DomainType): Domain | null {
    return intelDomainAlloc(this.state, this, type);
  }

  domainFree(domain: Domain): Steps<void> {
    return intelDomainFree(this.state, domain);
  }

  probeDevice(endpoint: Endpoint): IntelUnit {
    return findUnit(this.state, pciDevice(endpoint, 'intel_iommu_probe_device'));
  }

  releaseDevice(endpoint: Endpoint): void {
    if (endpoint.kind === 'Device') releaseDevice(this.state, endpoint);
  }

  deviceGroup(endpoint: Endpoint): GroupChoice {
    return intelDeviceGroup(this.state, pciDevice(endpoint, 'intel_iommu_device_group'));
  }

  attachDev(domain: Domain, endpoint: Endpoint): void {
    const device = pciDevice(endpoint, 'prepare_domain_attach_device');
    attachPrimary(this.state, domain, device, device);
  }

  detachDev(_domain: Domain, endpoint: Endpoint): void {
    if (endpoint.kind === 'Device') detachPrimary(this.state, endpoint);
  }

  getResvRegions(endpoint: Endpoint): ReservedRegion[] {
    return endpoint.kind === 'Device' ? intelReservedRegions(this.state, endpoint) : [];
  }

  /** Untrusted devices and the workarounds for two chipsets would demand a type; neither is modelled. */
  defDomainType(): null {
    return null;
  }

  devHasFeat(endpoint: Endpoint, feature: DeviceFeature): FeatureState {
    return intelFeatureState(this.state, endpoint, feature);
  }

  devEnableFeat(endpoint: Endpoint, feature: DeviceFeature): void {
    intelEnableFeature(this.state, pciDevice(endpoint, 'intel'), feature);
  }

  devDisableFeat(endpoint: Endpoint, feature: DeviceFeature): void {
    intelDisableFeature(this.state, pciDevice(endpoint, 'intel'), feature);
  }
}

/** Which unit serves a PCI function; refused when none does. Linux: device_to_iommu(). */
export function findUnit(state: KernelState, device: KernelDevice) {
  const drhd = state.dmar && deviceToUnit(state.dmar, state.machine.topology, device.fn)?.drhd;
  const unit = state.activeUnits.find((each) => each.drhd === drhd);
  if (unit !== undefined) return unit;
  throw refusal('ENODEV', 'device_to_iommu', `No remapping unit serves ${device.name}.`, {
    code: 'NO_UNIT',
    subject: device.subject,
  });
}

function intelDeviceGroup(state: KernelState, device: KernelDevice): GroupChoice {
  const choice = pciDeviceGroup(state.machine.topology, device.fn, (fn) => state.deviceOf(fn)?.group ?? null);
  return {
    existing: choice.existing,
    reasons: choice.reasons.map((reason) => ({
      kind: reason.kind,
      device,
      via: reason.via === null ? null : state.deviceOf(reason.via),
      missingAcs: reason.missingAcs,
      explanation: reason.explanation,
    })),
  };
}

/** The driver finds no unit for anything that is not a PCI device. */
function pciDevice(endpoint: Endpoint, mirrors: string): KernelDevice {
  if (endpoint.kind === 'Device') return endpoint;
  throw new KernelError('ENODEV', mirrors, `${endpoint.name} is no PCI device: no unit serves it by itself.`);
}

const INTEL_FUNCTIONS = [
  'capable',
  'domain_alloc',
  'domain_free',
  'domain_get_attr',
  'domain_set_attr',
  'attach_dev',
  'detach_dev',
  'aux_attach_dev',
  'aux_detach_dev',
  'aux_get_pasid',
  'map',
  'unmap',
  'flush_iotlb_all',
  'iova_to_phys',
  'probe_device',
  'probe_finalize',
  'release_device',
  'get_resv_regions',
  'put_resv_regions',
  'apply_resv_region',
  'device_group',
  'dev_has_feat',
  'dev_feat_enabled',
  'dev_enable_feat',
  'dev_disable_feat',
  'is_attach_deferred',
  'def_domain_type',
  'cache_invalidate',
  'sva_bind_gpasid',
  'sva_unbind_gpasid',
  'sva_bind',
  'sva_unbind',
  'sva_get_pasid',
  'page_response',
] as const;

/** Auxiliary domains gone, PASIDs in their place. */
const PASID_FUNCTIONS = [...INTEL_FUNCTIONS.filter((name) => !name.startsWith('aux_')), 'set_dev_pasid'];
