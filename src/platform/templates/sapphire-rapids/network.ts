import type { ConfigSpaceBuilder } from '../../../firmware/pci-config/builder.js';
import { EXTENDED_CAPABILITY } from '../../../layout/pci/capability-ids.js';
import type { FunctionPlan } from '../function-plan.js';
import { endpoint, errorReporting } from '../kinds.js';
import { CHIPS } from './chips.js';

const VFS_PER_PORT = 128;
const VFS_ON = 4;
const PORTS = 2;
/** The first virtual functions follow the eight functions the device may have; those of the next port come behind. */
const FIRST_VF_ROUTING_ID = 8;

const SERIAL_NUMBER_BYTES = 12;
const TPH_BYTES = 16;

/** Capabilities physical and virtual functions share, at the places they have on the E810. */
function common(config: ConfigSpaceBuilder): ConfigSpaceBuilder {
  return config
    .msix({ vectors: 512, tableBar: 3, pendingBar: 3, pendingOffset: 0x8000 }, 0x70)
    .express({ portType: 'ENDPOINT', functionLevelReset: true }, 0xa0);
}

/**
 * An ACS capability without a single bit: nothing passes between the functions, so there is nothing to
 * redirect, and the kernel takes every control it asks for as given. Linux: pci_acs_flags_enabled().
 */
function isolated(config: ConfigSpaceBuilder): ConfigSpaceBuilder {
  return config
    .extendedCapability(EXTENDED_CAPABILITY.tphRequester, new Uint8Array(TPH_BYTES), 0x1a0)
    .acs({ capability: 0 }, 0x1b0);
}

/** An E810 with two ports, each with some virtual functions switched on. */
export function network(bus: string): FunctionPlan[] {
  return Array.from({ length: PORTS }, (_, port) => port).flatMap((port) => {
    // Counted from the physical function, as the register counts.
    const firstOffset = FIRST_VF_ROUTING_ID + port * VFS_PER_PORT - port;
    const at = `${bus}:00.${port}`;
    const physical: FunctionPlan = {
      at,
      chip: CHIPS.nic,
      baseAddresses: [0x0000000c + port * 0x2000000, 0x2018, 0, 0x0400000c + port * 0x10000, 0x2018],
      capabilities: (config) =>
        isolated(
          errorReporting(common(config))
            .ari({ nextFunction: port + 1 < PORTS ? port + 1 : 0 }, 0x148)
            .extendedCapability(EXTENDED_CAPABILITY.serialNumber, new Uint8Array(SERIAL_NUMBER_BYTES), 0x150)
            .sriov(
              {
                vfEnabled: true,
                memoryEnabled: true,
                ariCapableHierarchy: port === 0,
                totalVfs: VFS_PER_PORT,
                numVfs: VFS_ON,
                dependencyLink: port,
                firstOffset,
                stride: 1,
                vfDeviceId: CHIPS.nicVirtualFunction.deviceId,
                supportedPageSizes: 0x553,
              },
              0x160,
            ),
        ),
    };
    return [physical, ...virtualFunctions(bus, at, port + firstOffset)];
  });
}

function virtualFunctions(bus: string, virtualOf: string, first: number): FunctionPlan[] {
  return Array.from({ length: VFS_ON }, (_, index) => {
    const routingId = first + index;
    const device = (routingId >>> 3).toString(16).padStart(2, '0');
    return {
      ...endpoint(`${bus}:${device}.${routingId & 7}`, CHIPS.nicVirtualFunction),
      virtualOf,
      capabilities: (config: ConfigSpaceBuilder) => isolated(errorReporting(common(config)).ari({}, 0x148)),
    };
  });
}
