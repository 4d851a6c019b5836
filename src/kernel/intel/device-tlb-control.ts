import type { PciFunction } from '../../hardware/pci/function.js';
import { ATS_CONTROL_OFFSET, ATS_ENABLE } from '../../layout/pci/ats.js';
import {
  PASID_CONTROL_OFFSET,
  PASID_ENABLE,
  PASID_EXECUTE,
  PASID_PRIVILEGED,
} from '../../layout/pci/pasid.js';
import { PRI_ALLOCATION_OFFSET, PRI_CONTROL_OFFSET, PRI_ENABLE, PRI_RESET } from '../../layout/pci/pri.js';
import type { DeviceDomainInfo } from './device-domain-info.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';

/** Page requests a device may have outstanding. */
const OUTSTANDING_REQUESTS = 32;

/** PASIDs a function can send, counting 0; 0 without the capability. Linux: pci_max_pasids(). */
export function maxPasids(fn: PciFunction): number {
  const capability = (fn.physicalFunction ?? fn).pasid;
  return capability === null ? 0 : 2 ** capability.maxWidth;
}

/**
 * Switches PASID, page requests and ATS on, in this order: a device whose PASIDs are enabled after ATS may
 * do anything. Each can fail on its own, and the driver only remembers which did.
 * Linux: iommu_enable_dev_iotlb().
 */
export function enableDeviceTlb(state: KernelState, device: KernelDevice, info: DeviceDomainInfo): void {
  const { fn } = device;
  // DIT: invalidations for a virtual function are throttled at its physical function.
  info.physicalFunctionSourceId = info.unit.capabilities.DIT ? (fn.physicalFunction ?? fn).sourceId : 0;
  if (state.options.isOn('CONFIG_INTEL_IOMMU_SVM')) {
    if (info.pasidSupported) info.pasidEnabled ||= enablePasid(fn);
    const answerable = !info.pasidEnabled || (fn.pri?.responsePasidRequired ?? false);
    if (info.priSupported && answerable && enablePri(fn)) info.priEnabled = true;
  }
  const ats = fn.ats;
  if (info.atsSupported && ats !== null && ats.pageAlignedRequest && !ats.enabled) {
    fn.writeConfig(ats.offset + ATS_CONTROL_OFFSET, 2, ATS_ENABLE);
    info.atsEnabled = true;
    info.atsQueueDepth = (fn.physicalFunction ?? fn).ats?.queueDepth ?? ats.queueDepth;
  }
}

/** The reverse. Linux: iommu_disable_dev_iotlb(). */
export function disableDeviceTlb(device: KernelDevice, info: DeviceDomainInfo): void {
  const { fn } = device;
  if (info.atsEnabled) fn.writeConfig(fn.ats!.offset + ATS_CONTROL_OFFSET, 2, 0);
  if (info.priEnabled) fn.writeConfig(fn.pri!.offset + PRI_CONTROL_OFFSET, 2, 0);
  if (info.pasidEnabled && fn.pasid !== null) fn.writeConfig(fn.pasid.offset + PASID_CONTROL_OFFSET, 2, 0);
  info.atsEnabled = info.priEnabled = info.pasidEnabled = false;
}

/** A virtual function has no capability of its own: it may send PASIDs when its physical function may. */
function enablePasid(fn: PciFunction): boolean {
  if (fn.physicalFunction !== null) return fn.physicalFunction.pasid?.enabled ?? false;
  const capability = fn.pasid;
  if (capability === null || capability.enabled) return false;
  const features =
    (capability.executeSupported ? PASID_EXECUTE : 0) |
    (capability.privilegedSupported ? PASID_PRIVILEGED : 0);
  fn.writeConfig(capability.offset + PASID_CONTROL_OFFSET, 2, PASID_ENABLE | features);
  return true;
}

/** Linux: pci_reset_pri(), pci_enable_pri(). */
function enablePri(fn: PciFunction): boolean {
  const capability = fn.pri;
  if (capability === null || capability.enabled || !capability.stopped) return false;
  fn.writeConfig(capability.offset + PRI_CONTROL_OFFSET, 2, PRI_RESET);
  const requests = Math.min(capability.maxRequests, OUTSTANDING_REQUESTS);
  fn.writeConfig(capability.offset + PRI_ALLOCATION_OFFSET, 4, requests);
  fn.writeConfig(capability.offset + PRI_CONTROL_OFFSET, 2, PRI_ENABLE);
  return true;
}
