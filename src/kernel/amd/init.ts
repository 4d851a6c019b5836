import { KernelError } from '../errno.js';
import { registerBusOps, registerSubdeviceOps } from '../iommu/register-bus.js';
import type { KernelState } from '../state.js';
import { wholly } from '../steps.js';
import { AmdIommuOps } from './ops.js';

/**
 * Brings the second vendor's driver up, before Intel's: its operations go to the platform bus, where its
 * drivers' parents are, and to the subdevices of such parents. Which of two drivers would come first on a
 * machine with both is not known; this order is that of the review's question. Refusals are not looked at.
 * Linux: amd_iommu_init_api().
 */
export function amdInit(state: KernelState): void {
  if (!state.otherVendors.includes('amd')) return;
  const ops = new AmdIommuOps();
  ignoringRefusal(() => wholly(registerBusOps(state, state.buses.get('platform')!, ops)));
  if (!state.model.hasBusOps || !state.options.scalableIov) return;
  ignoringRefusal(() => wholly(registerSubdeviceOps(state, 'mdev', 'platform', ops)));
}

function ignoringRefusal(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
  }
}
