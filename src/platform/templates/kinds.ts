import type { ConfigSpaceBuilder } from '../../firmware/pci-config/builder.js';
import { ACS } from '../../layout/pci/acs.js';
import { EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import type { Chip } from './chip.js';
import type { FunctionPlan } from './function-plan.js';

type Capabilities = FunctionPlan['capabilities'];

/** What may be added to a plain function of its kind. */
interface Extras {
  readonly more?: Capabilities;
  readonly baseAddresses?: readonly number[];
  readonly mdevTypes?: FunctionPlan['mdevTypes'];
}

const NOTHING: Capabilities = (config) => config;

const ERROR_REPORTING_BYTES = 0x48;

/** Advanced error reporting, present on nearly every PCIe function and always first in the list. */
export function errorReporting(config: ConfigSpaceBuilder): ConfigSpaceBuilder {
  const body = new Uint8Array(ERROR_REPORTING_BYTES);
  return config.extendedCapability(EXTENDED_CAPABILITY.advancedErrorReporting, body);
}

/** What server root ports implement. */
const ROOT_PORT_ACS =
  ACS.sourceValidation |
  ACS.translationBlocking |
  ACS.requestRedirect |
  ACS.completionRedirect |
  ACS.upstreamForwarding;

/** What the kernel switches on when it finds an IOMMU. Linux: pci_std_enable_acs(). */
const ACS_WITH_IOMMU = ROOT_PORT_ACS & ~ACS.translationBlocking;

/** A port's way down: bus numbers, slot, and how it keeps the devices below it apart. */
interface PortPart {
  readonly secondary: number;
  /** Same as `secondary` unless bridges follow. */
  readonly subordinate?: number;
  readonly slot: number;
  readonly acs?: boolean;
  /** Something below has more than eight functions. */
  readonly ari?: boolean;
  readonly more?: Capabilities;
}

export function rootPort(at: string, chip: Chip, port: PortPart): FunctionPlan {
  return {
    at,
    chip,
    bridge: {
      primary: parseInt(at, 16),
      secondary: port.secondary,
      subordinate: port.subordinate ?? port.secondary,
    },
    capabilities: (config) => {
      config
        .express(
          {
            portType: 'ROOT_PORT',
            slot: port.slot,
            ariForwarding: port.ari ?? false,
            ariForwardingEnabled: port.ari ?? false,
          },
          0x40,
        )
        .msi({ enabled: true, maskable: true }, 0x80);
      errorReporting(config);
      if (port.acs) config.acs({ capability: ROOT_PORT_ACS, control: ACS_WITH_IOMMU }, 0x220);
      return (port.more ?? NOTHING)(config);
    },
  };
}

/** A bridge from PCIe to a conventional bus, where requests lose their requester id. */
export function expressToPciBridge(at: string, chip: Chip, secondary: number): FunctionPlan {
  return {
    at,
    chip,
    bridge: { primary: parseInt(at, 16), secondary, subordinate: secondary },
    capabilities: (config) =>
      errorReporting(config.msi({}, 0x50).express({ portType: 'PCIE_TO_PCI_BRIDGE' }, 0x60)),
  };
}

/** An endpoint behind a port. */
export function endpoint(at: string, chip: Chip, extras: Extras = {}): FunctionPlan {
  return {
    at,
    chip,
    baseAddresses: extras.baseAddresses,
    capabilities: (config) => {
      config.express({ portType: 'ENDPOINT', functionLevelReset: true }, 0x40);
      return (extras.more ?? NOTHING)(errorReporting(config));
    },
  };
}

/** An endpoint that is part of the processor package. */
export function integratedEndpoint(at: string, chip: Chip, extras: Extras = {}): FunctionPlan {
  return {
    at,
    chip,
    baseAddresses: extras.baseAddresses,
    mdevTypes: extras.mdevTypes,
    capabilities: (config) => {
      config.express({ portType: 'ROOT_COMPLEX_ENDPOINT', functionLevelReset: true }, 0x40);
      return (extras.more ?? NOTHING)(config);
    },
  };
}

export function eventCollector(at: string, chip: Chip): FunctionPlan {
  return {
    at,
    chip,
    capabilities: (config) =>
      errorReporting(config.express({ portType: 'ROOT_COMPLEX_EVENT_COLLECTOR' }, 0x40)),
  };
}

/** A function that speaks no PCIe: 256 bytes of configuration space. */
export function conventional(at: string, chip: Chip, extras: Extras = {}): FunctionPlan {
  return { at, chip, baseAddresses: extras.baseAddresses, capabilities: extras.more ?? NOTHING };
}
