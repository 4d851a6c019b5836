import type { KernelConfig } from '../config.js';
import { KernelConfigError } from './config-error.js';

/** Refuses what is not modelled, before anything is built. */
export function requireSupported(config: KernelConfig): void {
  if (config.subdeviceModel !== 'MDEV_BUS_OPS') {
    throw new KernelConfigError(
      'subdeviceModel',
      config.subdeviceModel,
      'only operations on the subdevice bus are modelled so far.',
    );
  }
  if (config.busOrganisation !== 'ONE_OPS_PER_BUS') {
    throw new KernelConfigError(
      'busOrganisation',
      config.busOrganisation,
      'only one table of operations per bus is modelled so far.',
    );
  }
}
