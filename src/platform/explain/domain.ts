import type { WalkStep } from '../../hardware/request.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Platform } from '../platform.js';
import type { Requester } from './fault-case.js';

/**
 * The domain that translated a request: the one whose tables the walk entered, or when it came to none the
 * one the kernel believes to be attached. Null when there is neither.
 */
export function translatingDomain(
  { kernel }: Platform,
  requester: Requester,
  pasid: number | null,
  walk: readonly WalkStep[],
): Domain | null {
  const first = walk.find(({ level }) => /^[SF]L\d$/.test(level));
  if (first !== undefined) {
    const frame = Math.floor(first.entryAddress / 4096);
    for (const domain of kernel.domains.values()) if (domain.rootFrame === frame) return domain;
  }
  for (const device of devicesOf(requester)) {
    const believed = attachedDomain(device, pasid);
    if (believed !== null) return believed;
  }
  return null;
}

/** What the kernel attached for a device's requests with this tag. */
export function attachedDomain(device: KernelDevice, pasid: number | null): Domain | null {
  if (pasid === null) return device.primaryDomain;
  return device.attachments.find((attachment) => attachment.pasid === pasid)?.domain ?? null;
}

/** The functions behind a requester id, the one that has it first. */
export function devicesOf({ device, expected }: Requester): KernelDevice[] {
  return device === null ? [...expected] : [device, ...expected];
}
