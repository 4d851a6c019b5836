import { KernelError } from '../errno.js';
import { registerSubdeviceOps } from '../iommu/register-bus.js';
import type { KernelState } from '../state.js';
import { wholly } from '../steps.js';
import { SiovIommuOps } from './ops.js';

/**
 * Registers the subdevice operations when every unit runs in scalable mode and handles PASIDs. No device
 * is asked. A refusal of the bus is ignored, and the line claims success all the same.
 * Linux (series, patch 4/5): intel_siov_init().
 */
export function siovInit(state: KernelState): void {
  if (!state.model.hasBusOps || !state.options.scalableIov || !state.scalableMode) return;
  if (!state.activeUnits.every((unit) => unit.capabilities.PASID)) return;
  const ops = new SiovIommuOps(state);
  for (const framework of ['mdev', 'subdev-test'] as const) {
    try {
      wholly(registerSubdeviceOps(state, framework, 'pci', ops));
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
    }
  }
  state.log.print('DMAR: Intel(R) Scalable I/O Virtualization supported');
}
