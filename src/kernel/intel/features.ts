import type { DeviceFeature, FeatureState } from '../iommu/device-feature.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { disableSva, enablePasids, enableSva } from './shared-memory.js';

/** Whether a device has a feature, and whether it is on. Linux: intel_iommu_dev_has_feat(), intel_iommu_dev_feat_enabled(). */
export function intelFeatureState(
  state: KernelState,
  device: Endpoint,
  feature: DeviceFeature,
): FeatureState {
  const reason =
    device.kind === 'Device'
      ? (lackOf(state, device, feature)?.reason ?? null)
      : 'A subdevice is no PCI device.';
  const enabled =
    feature === 'AUX' && device.kind === 'Device' && state.scalableMode && (device.info?.auxEnabled ?? false);
  return { feature, supported: reason === null, enabled, reason };
}

/** What a feature needs and does not find: a word for programs, a sentence for people. */
interface Lack {
  readonly code: string;
  readonly reason: string;
}

function lackOf(state: KernelState, device: KernelDevice, feature: DeviceFeature): Lack | null {
  const { info, name } = device;
  const lack = (code: string, reason: string): Lack => ({ code, reason });
  if (feature === 'AUX') return lackOfAux(state, device);
  if (feature === 'IOPF' && !state.profile.knowsIopf)
    return lack('FEATURE_UNKNOWN', 'This kernel does not know the feature.');
  if (info === null) return lack('NO_PRIMARY_DOMAIN', `${name} has no primary domain.`);
  const noPageRequests = lack('NO_PAGE_REQUESTS', `${name} cannot use page requests.`);
  if (feature === 'IOPF') return info.priSupported ? null : noPageRequests;
  if (!info.unit.sharesMemory)
    return lack('NO_SHARED_MEMORY', `${info.unit.name} is not capable of shared virtual memory.`);
  if (!info.pasidSupported) return lack('NO_PASID_CAPABILITY', `${name} cannot use PASIDs.`);
  if (!info.priSupported) return noPageRequests;
  return info.atsSupported ? null : lack('NO_ATS', `${name} cannot use ATS.`);
}

function lackOfAux(state: KernelState, { fn, name }: KernelDevice): Lack | null {
  const lack = (code: string, reason: string): Lack => ({ code, reason });
  if (!state.remapping) return lack('NO_UNIT', 'DMA remapping is off.');
  if (!state.scalableMode) return lack('NOT_SCALABLE', state.scalableModeReason);
  const without = state.activeUnits.filter((unit) => !unit.capabilities.PASID);
  if (without.length > 0)
    return lack('UNIT_WITHOUT_PASID', `${without.map((unit) => unit.name).join(', ')} cannot handle PASIDs.`);
  if ((fn.physicalFunction ?? fn).pasid === null)
    return lack('NO_PASID_CAPABILITY', `${name} has no PASID capability.`);
  if (fn.scalableIov === null)
    return lack('NO_SCALABLE_IOV', `${name} has no Scalable IOV capability (DVSEC 8086:5).`);
  return null;
}

/** Linux: intel_iommu_dev_enable_feat(). */
export function intelEnableFeature(state: KernelState, device: KernelDevice, feature: DeviceFeature): void {
  if (feature === 'AUX') {
    enableAux(state, device);
    return;
  }
  if (feature === 'SVA') {
    enableSva(state, device);
    return;
  }
  if (state.profile.knowsIopf && device.info?.priSupported) return;
  const { code, reason } = lackOf(state, device, feature)!;
  throw refusal('ENODEV', 'intel_iommu_dev_enable_feat', `${feature} of ${device.name}: ${reason}`, {
    code,
    subject: device.subject,
  });
}

/**
 * Lets a device send PASIDs. Whether it announces Scalable IOV is not looked at.
 * Linux: intel_iommu_enable_auxd(), intel_iommu_enable_pasid().
 */
function enableAux(state: KernelState, device: KernelDevice): void {
  const mirrors = 'intel_iommu_enable_auxd';
  const unit = device.unit;
  if (unit === null || !state.remapping) {
    const rule = `No remapping unit serves ${device.name}.`;
    throw refusal('EINVAL', mirrors, rule, { code: 'NO_UNIT', subject: device.subject });
  }
  if (!unit.pasidSupported) {
    const rule = unit.scalableMode
      ? `${unit.name} cannot handle PASIDs.`
      : `${unit.name} does not run in scalable mode.`;
    throw refusal('EINVAL', mirrors, rule, {
      code: unit.scalableMode ? 'UNIT_WITHOUT_PASID' : 'NOT_SCALABLE',
      subject: { kind: 'IommuUnit', name: unit.name },
    });
  }
  const info = device.info;
  if (info === null || !info.pasidSupported) {
    const rule =
      info === null ? `${device.name} has no primary domain.` : `${device.name} has no PASID capability.`;
    throw refusal('ENODEV', 'intel_iommu_enable_pasid', rule, {
      code: info === null ? 'NO_PRIMARY_DOMAIN' : 'NO_PASID_CAPABILITY',
      subject: device.subject,
    });
  }
  enablePasids(state, device, info);
  if (!info.auxEnabled) state.changed('FEATURE_ENABLED', device.subject);
  info.auxEnabled = true;
}

/**
 * As posted it succeeds with auxiliary domains attached: nothing checks. When the fork makes AUX a condition
 * of attaching, it stays one as long as anything is attached.
 * Linux: intel_iommu_disable_auxd(), which has no errno for this; EBUSY is what the core has for a device
 * in use.
 */
export function intelDisableFeature(state: KernelState, device: KernelDevice, feature: DeviceFeature): void {
  if (feature === 'SVA') {
    disableSva(state, device);
    return;
  }
  if (feature === 'IOPF') {
    // Nothing was done to enable it.
    if (state.profile.knowsIopf) return;
    throw refusal('ENODEV', 'intel_iommu_dev_disable_feat', `${feature} cannot be disabled.`, {
      code: 'FEATURE_CANNOT_BE_DISABLED',
      subject: device.subject,
    });
  }
  if (device.info === null || !device.info.auxEnabled) return;
  const users = device.attachments.filter(({ kind, leaked }) => kind === 'AUX' && !leaked);
  if (state.config.auxRequirement === 'REQUIRED' && users.length > 0) {
    const names = users.map(({ domain, endpoint }) => `domain ${domain.number} of ${endpoint.name}`);
    const rule = `AUX of ${device.name} is in use by ${names.join(', ')}.`;
    throw refusal('EBUSY', 'intel_iommu_disable_auxd', rule, {
      code: 'AUX_IN_USE',
      subject: device.subject,
      remedy: 'Detach the auxiliary domains first.',
    });
  }
  device.info.auxEnabled = false;
  state.changed('FEATURE_DISABLED', device.subject);
}
