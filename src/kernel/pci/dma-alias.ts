import { sourceIdOf } from '../../bits/pci-address.js';
import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';
import { carrierOf } from '../../hardware/pci/volume-management.js';
import { decodeHeader } from '../../layout/pci/header.js';
import { ALIAS_QUIRKS, HIDDEN_PCIE_BRIDGES, matchesIds } from './quirks.js';

/** A requester id under which a function's requests can arrive. */
export interface DmaAlias {
  /** The function whose id it is, or the bridge that takes requests over. */
  readonly fn: PciFunction;
  readonly sourceId: number;
  readonly kind: 'SELF' | 'REAL_DMA_DEVICE' | 'QUIRK' | 'BRIDGE';
}

/**
 * Every id under which requests can reach the root bus, in the order the kernel visits them: the function
 * (or the device that does its DMA), further ids by quirk, then each bridge that takes requests over.
 * Ports of PCIe switches and root ports pass ids through unchanged.
 * Linux: pci_for_each_dma_alias().
 */
export function* dmaAliases(topology: PciTopology, fn: PciFunction): Generator<DmaAlias> {
  const real = carrierOf(topology, fn);
  yield { fn: real, sourceId: real.sourceId, kind: real === fn ? 'SELF' : 'REAL_DMA_DEVICE' };
  for (const devfn of quirkAliases(real)) {
    yield { fn: real, sourceId: (real.address.bus << 8) | devfn, kind: 'QUIRK' };
  }
  for (const bridge of topology.bridgesAbove(real)) {
    switch (bridge.pcieType) {
      case 'PCIE_TO_PCI_BRIDGE':
        yield { fn: bridge, sourceId: secondaryId(bridge), kind: 'BRIDGE' };
        break;
      case 'PCI_TO_PCIE_BRIDGE':
        yield { fn: bridge, sourceId: bridge.sourceId, kind: 'BRIDGE' };
        break;
      case null: {
        const hidden = isHiddenPcieBridge(topology, bridge);
        yield { fn: bridge, sourceId: hidden ? secondaryId(bridge) : bridge.sourceId, kind: 'BRIDGE' };
        break;
      }
      default:
    }
  }
}

/** Further device and function numbers a function uses on its own bus, by quirk; mostly none. */
export function quirkAliases(fn: PciFunction): readonly number[] {
  const { vendorId, deviceId } = fn;
  for (const quirk of ALIAS_QUIRKS) {
    if (!matchesIds(quirk.ids, vendorId, deviceId)) continue;
    if (quirk.subsystems !== null) {
      const { subsystemVendorId, subsystemId } = decodeHeader(fn.config);
      if (!quirk.subsystems.some(([v, d]) => v === subsystemVendorId && d === subsystemId)) continue;
    }
    return quirk.aliases(fn.sourceId & 0xff);
  }
  return [];
}

/** Whether two functions of one bus can appear under each other's id. Linux: pci_devs_are_dma_aliases(). */
export function areDmaAliases(topology: PciTopology, a: PciFunction, b: PciFunction): boolean {
  return (
    quirkAliases(a).includes(b.sourceId & 0xff) ||
    quirkAliases(b).includes(a.sourceId & 0xff) ||
    carrierOf(topology, a) === b ||
    carrierOf(topology, b) === a
  );
}

/**
 * The endpoints among some whose requests can arrive under an id the function uses too, so that what its
 * context entries say goes for them. None but behind a bridge that takes requests over, or by quirk.
 */
export function sharersOfIds(
  topology: PciTopology,
  fn: PciFunction,
  among: readonly PciFunction[],
): PciFunction[] {
  const own = new Set([...dmaAliases(topology, fn)].map(({ sourceId }) => sourceId));
  return among.filter(
    (other) =>
      other !== fn &&
      !other.isBridge &&
      other.address.domain === fn.address.domain &&
      [...dmaAliases(topology, other)].some(({ sourceId }) => own.has(sourceId)),
  );
}

function secondaryId(bridge: PciFunction): number {
  return sourceIdOf({ domain: 0, bus: bridge.secondaryBus ?? 0, device: 0, function: 0 });
}

/** A conventional bridge by its capabilities that hangs under PCIe, so it must be a PCIe-to-PCI bridge. */
function isHiddenPcieBridge(topology: PciTopology, bridge: PciFunction): boolean {
  const above = topology.upstreamBridge(bridge);
  return (
    above !== null &&
    above.isPcie &&
    above.pcieType !== 'PCIE_TO_PCI_BRIDGE' &&
    bridge.headerKind === 'BRIDGE' &&
    matchesIds(HIDDEN_PCIE_BRIDGES, bridge.vendorId, bridge.deviceId)
  );
}
