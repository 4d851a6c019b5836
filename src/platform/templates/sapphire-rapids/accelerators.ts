import type { ConfigSpaceBuilder } from '../../../firmware/pci-config/builder.js';
import type { FunctionPlan } from '../function-plan.js';
import { IDXD_TYPE } from '../../subdevice-drivers.js';
import { errorReporting, integratedEndpoint } from '../kinds.js';
import { CHIPS } from './chips.js';

/**
 * ATS, PASID and PRI where idxd devices of this family have them, nothing switched on yet. Where the
 * Scalable IOV capability lies on real parts is not documented; it follows the others.
 */
function withPasids(config: ConfigSpaceBuilder): ConfigSpaceBuilder {
  return errorReporting(config.msix({ vectors: 9, tableOffset: 0x2000, pendingOffset: 0x3000 }, 0x80))
    .ats({ queueDepth: 32, pageAlignedRequest: true, globalInvalidate: true }, 0x220)
    .pasid({ maxWidth: 20, privilegedSupported: true }, 0x230)
    .pri({ maxRequests: 512, stopped: true, responsePasidRequired: true }, 0x240)
    .siov({ interruptMessageStorage: true }, 0x250);
}

/** 64-bit prefetchable memory, above everything else. */
const highMemory = (low: number) => [(low | 0xc) >>> 0, 0x206f] as const;

/** The data streaming accelerator and the analytics accelerator beside it on one bus. */
export function accelerators(bus: string): FunctionPlan[] {
  return [
    integratedEndpoint(`${bus}:01.0`, CHIPS.dsa, {
      more: withPasids,
      baseAddresses: [...highMemory(0xfff40000), ...highMemory(0xfff00000)],
      mdevTypes: [IDXD_TYPE],
    }),
    integratedEndpoint(`${bus}:02.0`, CHIPS.iax, {
      more: withPasids,
      baseAddresses: [...highMemory(0xffec0000), ...highMemory(0xffe00000)],
    }),
  ];
}
