import type { ExpressPart } from '../pci-config/express.js';
import type { CapabilityText } from './capability-text.js';
import { flagIn, numberIn, partOf } from './capability-text.js';

/** Device/port types as `lspci` names them, old wordings included. */
const PORT_TYPES: Readonly<Record<string, ExpressPart['portType']>> = {
  Endpoint: 'ENDPOINT',
  'Legacy Endpoint': 'LEGACY_ENDPOINT',
  'Root Port': 'ROOT_PORT',
  'Upstream Port': 'UPSTREAM_PORT',
  'Downstream Port': 'DOWNSTREAM_PORT',
  'PCI-Express to PCI/PCI-X Bridge': 'PCIE_TO_PCI_BRIDGE',
  'PCI/PCI-X Bridge': 'PCIE_TO_PCI_BRIDGE',
  'PCI/PCI-X to PCI-Express Bridge': 'PCI_TO_PCIE_BRIDGE',
  'Root Complex Integrated Endpoint': 'ROOT_COMPLEX_ENDPOINT',
  'Root Complex Event Collector': 'ROOT_COMPLEX_EVENT_COLLECTOR',
};

const TITLE = /^Express (?:\(v(\d)\) )?([^(,]*?)(?: \(Slot([+-])\))?(?:,|$)/;
const PORTS: readonly ExpressPart['portType'][] = ['ROOT_PORT', 'UPSTREAM_PORT', 'DOWNSTREAM_PORT'];

/** `Express (v2) Root Port (Slot+), MSI 00` and the registers below; null for a type that is unknown. */
export function expressPart({ title, body }: CapabilityText): ExpressPart | null {
  const match = TITLE.exec(title);
  const portType = match ? PORT_TYPES[match[2]] : undefined;
  if (!match || !portType) return null;
  const second = partOf(body, 'DevCap2:', 'DevCtl2:');
  const prefix = flagIn(second, 'EETLPPrefix');
  return {
    portType,
    version: match[1] === '1' ? 1 : 2,
    slot: match[3] === '+' ? (numberIn(body, 'Slot #', 10) ?? 0) : null,
    functionLevelReset: flagIn(partOf(body, 'DevCap:', 'DevCtl:'), 'FLReset') ?? false,
    ariForwarding: flagIn(second, 'ARIFwd') ?? false,
    ariForwardingEnabled: flagIn(partOf(body, 'DevCtl2:', 'LnkCtl2:'), 'ARIFwd') ?? false,
    // Versions of lspci before 3.6 do not show the field; a port is then given the benefit of the doubt,
    // or no function below it could use PASIDs.
    endToEndPrefix: prefix ?? (PORTS.includes(portType) ? true : undefined),
  };
}
