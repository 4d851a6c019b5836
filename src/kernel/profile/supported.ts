import type { KernelConfig } from '../config.js';
import { KernelConfigError } from './config-error.js';
import type { KernelProfile } from './profile.js';

/** Refuses what no kernel of the profile had, before anything is built. */
export function requireSupported(config: KernelConfig, profile: KernelProfile): void {
  const refuse = (reason: string) => {
    throw new KernelConfigError('subdeviceModel', config.subdeviceModel, reason);
  };
  if (config.subdeviceModel === 'AUX_API' && !profile.hasAuxApi) {
    refuse(`mainline had removed auxiliary domains by ${profile.name}; choose V5_10 or V5_15.`);
  }
  if (config.subdeviceModel === 'PASID_ATTACH' && !profile.attachesToPasids) {
    refuse(`${profile.name} cannot attach a domain to a PASID; choose V6_1.`);
  }
}
