import { bit, u64 } from '../../bits/u64.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { contextEntryAddress } from './context-setup.js';
import type { DeviceDomainInfo } from './device-domain-info.js';
import { enableDeviceTlb } from './device-tlb-control.js';
import { flushContextCache } from './flush.js';
import type { IntelUnit } from './unit.js';

/** PASIDE of a scalable-mode context entry: bit 3 of its first word. */
const PASIDE = 1 << 3;

/**
 * Settles whether a unit can walk the tables of processes: the processors of this machine use pages of 1 GiB,
 * and 48 bits of address. Linux: intel_svm_check().
 */
export function checkSharedMemory(state: KernelState, unit: IntelUnit): void {
  if (!state.options.isOn('CONFIG_INTEL_IOMMU_SVM') || !unit.pasidSupported) return;
  unit.sharesMemory = unit.capabilities.FS1GP;
  if (!unit.sharesMemory) state.log.print(`${unit.name} SVM disabled, incompatible 1GB page capability`);
}

/** Lets a device send PASIDs, which it must be able to. Linux: intel_iommu_enable_pasid(). */
export function enablePasids(state: KernelState, device: KernelDevice, info: DeviceDomainInfo): void {
  const { unit } = info;
  const address = contextEntryAddress(unit, device.fn.sourceId, false)!;
  const word = state.memory.load64(address);
  if (!bit(word, 3)) {
    state.memory.store64(address, u64(word.hi, word.lo | PASIDE));
    flushContextCache(unit, 'DEVICE', info.domain.domainIds.get(unit)!.did, device.fn.sourceId);
  }
  if (!info.pasidEnabled) enableDeviceTlb(state, device, info);
}

/**
 * Later kernels make the device one whose page requests are handled, once: it must have PASIDs, page requests
 * and ATS in use. The first here only looks at the unit.
 * Linux: intel_iommu_dev_enable_feat(), intel_iommu_enable_sva().
 */
export function enableSva(state: KernelState, device: KernelDevice): void {
  const { info, name, subject } = device;
  const refuse = (errno: 'EINVAL' | 'ENODEV' | 'EBUSY', code: string, rule: string) =>
    refusal(errno, 'intel_iommu_enable_sva', `SVA of ${name}: ${rule}`, { code, subject });
  if (info === null) throw refuse('EINVAL', 'NO_PRIMARY_DOMAIN', `${name} has no primary domain.`);
  const { unit } = info;
  if (!unit.sharesMemory)
    throw refuse('ENODEV', 'NO_SHARED_MEMORY', `${unit.name} is not capable of shared virtual memory.`);
  if (!state.profile.svaTakesPageRequests) return;
  if (!info.pasidSupported) throw refuse('ENODEV', 'NO_PASID_CAPABILITY', `${name} cannot use PASIDs.`);
  const answersWithPasid = info.priEnabled || (info.priSupported && device.fn.pri!.responsePasidRequired);
  if (!answersWithPasid) throw refuse('EINVAL', 'NO_PAGE_REQUESTS', `${name} cannot use page requests.`);
  if (!info.atsSupported || !(device.fn.ats?.pageAlignedRequest ?? false))
    throw refuse('EINVAL', 'NO_ATS', `${name} cannot use ATS.`);
  if (info.svaEnabled) throw refuse('EBUSY', 'FEATURE_ENABLED', 'its page requests are handled already.');
  enablePasids(state, device, info);
  info.svaEnabled = true;
  state.changed('FEATURE_ENABLED', subject);
}

/** What is bound to processes stays so. Linux: intel_iommu_disable_sva(). */
export function disableSva(state: KernelState, device: KernelDevice): void {
  const { info, name, subject } = device;
  if (!state.profile.svaTakesPageRequests) {
    throw refusal('ENODEV', 'intel_iommu_dev_disable_feat', `SVA of ${name} cannot be disabled.`, {
      code: 'FEATURE_CANNOT_BE_DISABLED',
      subject,
    });
  }
  if (info === null || !info.svaEnabled) {
    throw refusal('EINVAL', 'iommu_unregister_device_fault_handler', `SVA of ${name} is off.`, {
      code: 'FEATURE_DISABLED',
      subject,
    });
  }
  info.svaEnabled = false;
  state.changed('FEATURE_DISABLED', subject);
}
