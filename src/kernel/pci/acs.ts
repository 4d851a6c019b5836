import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';
import {
  ACS,
  ACS_CAPABILITY_OFFSET,
  ACS_CONTROL_OFFSET,
  hasWideAcsRegisters,
  WIDE_ACS_CONTROL_OFFSET,
} from '../../layout/pci/acs.js';
import {
  AMD_SOUTH_BRIDGE,
  INTEL_PCH_ROOT_PORTS,
  ISOLATED_MULTIFUNCTION,
  matchesIds,
  WANGXUN_NICS,
  WANGXUN_VENDOR_ID,
  ZHAOXIN_PORTS,
  ZHAOXIN_VENDOR_ID,
} from './quirks.js';

/** What a function must redirect and check before the kernel trusts it not to let peers talk. Linux: REQ_ACS_FLAGS. */
export const REQUIRED_ACS =
  ACS.sourceValidation | ACS.requestRedirect | ACS.completionRedirect | ACS.upstreamForwarding;

/** How a function isolates. */
export interface AcsVerdict {
  /** Required {@link ACS} bits that are not in effect; 0 means isolated. */
  readonly missing: number;
  /** The kernel function that overrides what configuration space says; null when it does not. */
  readonly quirk: string | null;
}

const ISOLATED: AcsVerdict = { missing: 0, quirk: null };
const NOT_ISOLATED: AcsVerdict = { missing: REQUIRED_ACS, quirk: null };

/**
 * Whether a function keeps requests of its peers apart: a quirk decides first, then the kind of function.
 * Ports are judged by their capability; the endpoints and upstream ports of single-function devices have
 * no peer inside the device and pass; conventional functions and bridges to or from PCI never do.
 * Linux: pci_acs_enabled().
 */
export function acsVerdict(topology: PciTopology, fn: PciFunction): AcsVerdict {
  const byQuirk = acsByQuirk(topology, fn);
  if (byQuirk !== null) return byQuirk;
  switch (fn.pcieType) {
    case null:
    case 'PCI_TO_PCIE_BRIDGE':
    case 'PCIE_TO_PCI_BRIDGE':
    case 'ROOT_COMPLEX_EVENT_COLLECTOR':
      return NOT_ISOLATED;
    case 'ROOT_PORT':
    case 'DOWNSTREAM_PORT':
      return acsByCapability(fn);
    case 'ENDPOINT':
    case 'UPSTREAM_PORT':
    case 'LEGACY_ENDPOINT':
    case 'ROOT_COMPLEX_ENDPOINT':
      return fn.isMultifunction ? acsByCapability(fn) : ISOLATED;
    default:
      return ISOLATED;
  }
}

/**
 * The first function that does not isolate between a bridge and the root bus, the bridge included; null
 * when the whole path does. Linux: pci_acs_path_enabled().
 */
export function acsGapAbove(
  topology: PciTopology,
  bridge: PciFunction,
): { fn: PciFunction; verdict: AcsVerdict } | null {
  for (const fn of [bridge, ...topology.bridgesAbove(bridge)]) {
    const verdict = acsVerdict(topology, fn);
    if (verdict.missing !== 0) return { fn, verdict };
  }
  return null;
}

/**
 * Switches on what a function implements of the required bits, as the kernel does while it scans the bus
 * on a machine with an IOMMU. Linux: pci_std_enable_acs(), pci_quirk_enable_intel_spt_pch_acs().
 */
export function enableAcs(fn: PciFunction): void {
  const acs = fn.acs;
  if (acs === null) return;
  const at =
    acs.offset +
    (hasWideAcsRegisters(fn.vendorId, fn.deviceId) ? WIDE_ACS_CONTROL_OFFSET : ACS_CONTROL_OFFSET);
  fn.writeConfig(at, 2, fn.readConfig(at, 2) | (acs.capability & REQUIRED_ACS));
}

/**
 * A required bit the capability does not implement counts as wired on: the specification makes these bits
 * optional only where the function cannot do what they forbid. Linux: pci_acs_flags_enabled().
 */
function acsByCapability(fn: PciFunction, controlOffset: number = ACS_CONTROL_OFFSET): AcsVerdict {
  const acs = fn.acs;
  if (acs === null) return NOT_ISOLATED;
  const capability = fn.readConfig(acs.offset + ACS_CAPABILITY_OFFSET, 2);
  const control = fn.readConfig(acs.offset + controlOffset, 2);
  return { missing: REQUIRED_ACS & capability & ~control, quirk: null };
}

function acsByQuirk(topology: PciTopology, fn: PciFunction): AcsVerdict | null {
  const { vendorId, deviceId, pcieType } = fn;
  const isolatedBy = (quirk: string): AcsVerdict => ({ missing: 0, quirk });
  if (matchesIds(AMD_SOUTH_BRIDGE, vendorId, deviceId)) {
    const applies = fn.isMultifunction && topology.upstreamBridge(fn) === null && hasAmdIommu(topology);
    return applies ? isolatedBy('pci_quirk_amd_sb_acs') : null;
  }
  if (matchesIds(ISOLATED_MULTIFUNCTION, vendorId, deviceId)) return isolatedBy('pci_quirk_mf_endpoint_acs');
  if (vendorId === 0x8086 && pcieType === 'ROOT_COMPLEX_ENDPOINT') return isolatedBy('pci_quirk_rciep_acs');
  if (pcieType === 'ROOT_PORT' && matchesIds(INTEL_PCH_ROOT_PORTS, vendorId, deviceId)) {
    return { missing: canStopPeerCycles(topology, fn) ? 0 : REQUIRED_ACS, quirk: 'pci_quirk_intel_pch_acs' };
  }
  if (pcieType === 'ROOT_PORT' && fn.acs !== null && hasWideAcsRegisters(vendorId, deviceId)) {
    const { missing } = acsByCapability(fn, WIDE_ACS_CONTROL_OFFSET);
    return { missing, quirk: 'pci_quirk_intel_spt_pch_acs' };
  }
  if (vendorId === WANGXUN_VENDOR_ID) {
    const missing = matchesIds(WANGXUN_NICS, vendorId, deviceId) ? 0 : REQUIRED_ACS;
    return { missing, quirk: 'pci_quirk_wangxun_nic_acs' };
  }
  if (vendorId === ZHAOXIN_VENDOR_ID && (pcieType === 'ROOT_PORT' || pcieType === 'DOWNSTREAM_PORT')) {
    const missing = matchesIds(ZHAOXIN_PORTS, vendorId, deviceId) ? 0 : REQUIRED_ACS;
    return { missing, quirk: 'pci_quirk_zhaoxin_pcie_ports_acs' };
  }
  return null;
}

/** The IVRS table names AMD IOMMUs; each also shows as a function of this class. */
function hasAmdIommu(topology: PciTopology): boolean {
  for (const fn of topology.functions.values()) if (fn.classCode >>> 8 === 0x0806) return true;
  return false;
}

/**
 * Peer cycles of old chipset ports are stopped through registers behind the root complex base address in
 * the LPC bridge, bit 0 of which enables it. Firmware enables it on every such machine; a register of
 * zero means the description did not hold it. Linux: pci_quirk_enable_intel_lpc_acs().
 */
function canStopPeerCycles(topology: PciTopology, port: PciFunction): boolean {
  const lpc = topology.find({ ...port.address, device: 31, function: 0 });
  const base = lpc === null ? 0 : lpc.readConfig(0xf0, 4);
  return base === 0 || (base & 1) !== 0;
}
