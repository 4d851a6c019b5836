import { bit, u64 } from '../../bits/u64.js';
import { KernelError } from '../errno.js';
import type { DeviceFeature, Endpoint, FeatureState, KernelDevice } from '../objects.js';
import type { KernelState } from '../state.js';
import { contextEntryAddress } from './context-setup.js';
import { enableDeviceTlb } from './device-tlb-control.js';
import { flushContextCache } from './flush.js';
import type { IntelUnit } from './unit.js';

/** PASIDE of a scalable-mode context entry: bit 3 of its first word. */
const PASIDE = 1 << 3;

/** Whether a device has a feature, and whether it is on. Linux: intel_iommu_dev_has_feat(), intel_iommu_dev_feat_enabled(). */
export function intelFeatureState(
  state: KernelState,
  device: Endpoint,
  feature: DeviceFeature,
): FeatureState {
  const reason = device.kind === 'Device' ? whyNot(state, device, feature) : 'A subdevice is no PCI device.';
  const enabled =
    feature === 'AUX' && device.kind === 'Device' && state.scalableMode && (device.info?.auxEnabled ?? false);
  return { feature, supported: reason === null, enabled, reason };
}

function whyNot(state: KernelState, device: KernelDevice, feature: DeviceFeature): string | null {
  if (feature === 'AUX') return whyNotAux(state, device);
  if (feature === 'IOPF' && !state.profile.knowsIopf) return 'This kernel does not know the feature.';
  const info = device.info;
  if (info === null) return `${device.name} has no primary domain.`;
  if (feature === 'IOPF') return info.priSupported ? null : `${device.name} cannot use page requests.`;
  if (!isSvmCapable(state, info.unit)) return `${info.unit.name} is not capable of shared virtual memory.`;
  if (!info.pasidSupported) return `${device.name} cannot use PASIDs.`;
  if (!info.priSupported) return `${device.name} cannot use page requests.`;
  return info.atsSupported ? null : `${device.name} cannot use ATS.`;
}

function whyNotAux(state: KernelState, device: KernelDevice): string | null {
  if (!state.remapping) return 'DMA remapping is off.';
  if (!state.scalableMode) return state.scalableModeReason;
  const without = state.activeUnits.filter((unit) => !unit.capabilities.PASID);
  if (without.length > 0) return `${without.map((unit) => unit.name).join(', ')} cannot handle PASIDs.`;
  if ((device.fn.physicalFunction ?? device.fn).pasid === null)
    return `${device.name} has no PASID capability.`;
  if (device.fn.scalableIov === null) return `${device.name} has no Scalable IOV capability (DVSEC 8086:5).`;
  return null;
}

/** Linux: intel_svm_check(); the pages of the modelled CPUs are those of 48-bit paging with 1 GiB pages. */
function isSvmCapable(state: KernelState, unit: IntelUnit): boolean {
  const { FS1GP } = unit.capabilities;
  return state.options.isOn('CONFIG_INTEL_IOMMU_SVM') && unit.pasidSupported && FS1GP;
}

/** Linux: intel_iommu_dev_enable_feat(). */
export function intelEnableFeature(state: KernelState, device: KernelDevice, feature: DeviceFeature): void {
  if (feature === 'AUX') {
    enableAux(state, device);
    return;
  }
  const mirrors = 'intel_iommu_dev_enable_feat';
  if (feature === 'SVA') {
    if (device.info === null)
      throw new KernelError('EINVAL', mirrors, `${device.name} has no primary domain.`);
    if (isSvmCapable(state, device.info.unit)) return;
  }
  if (feature === 'IOPF' && state.profile.knowsIopf && device.info?.priSupported) return;
  throw new KernelError('ENODEV', mirrors, `${feature} of ${device.name}: ${whyNot(state, device, feature)}`);
}

/**
 * Lets a device send PASIDs. Whether it announces Scalable IOV is not looked at.
 * Linux: intel_iommu_enable_auxd(), intel_iommu_enable_pasid().
 */
function enableAux(state: KernelState, device: KernelDevice): void {
  const mirrors = 'intel_iommu_enable_auxd';
  const unit = device.unit;
  if (unit === null || !state.remapping) {
    throw new KernelError('EINVAL', mirrors, `No remapping unit serves ${device.name}.`);
  }
  if (!unit.pasidSupported) {
    throw new KernelError(
      'EINVAL',
      mirrors,
      unit.scalableMode
        ? `${unit.name} cannot handle PASIDs.`
        : `${unit.name} does not run in scalable mode.`,
    );
  }
  const info = device.info;
  if (info === null || !info.pasidSupported) {
    const rule =
      info === null ? `${device.name} has no primary domain.` : `${device.name} has no PASID capability.`;
    throw new KernelError('ENODEV', 'intel_iommu_enable_pasid', rule);
  }
  const address = contextEntryAddress(unit, device.fn.sourceId, false)!;
  const word = state.memory.load64(address);
  if (!bit(word, 3)) {
    state.memory.store64(address, u64(word.hi, word.lo | PASIDE));
    flushContextCache(unit, 'DEVICE', info.domain.domainIds.get(unit)!.did, device.fn.sourceId);
  }
  if (!info.pasidEnabled) enableDeviceTlb(state, device, info);
  if (!info.auxEnabled) state.changed('FEATURE_ENABLED', device.subject);
  info.auxEnabled = true;
}

/** Succeeds with auxiliary domains attached: nothing checks. Linux: intel_iommu_disable_auxd(). */
export function intelDisableFeature(state: KernelState, device: KernelDevice, feature: DeviceFeature): void {
  if (feature !== 'AUX') {
    throw new KernelError('ENODEV', 'intel_iommu_dev_disable_feat', `${feature} cannot be disabled.`);
  }
  if (device.info === null || !device.info.auxEnabled) return;
  device.info.auxEnabled = false;
  state.changed('FEATURE_DISABLED', device.subject);
}
