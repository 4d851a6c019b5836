import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';
import { acsNames } from '../../layout/pci/acs.js';
import { acsGapAbove, acsVerdict } from '../pci/acs.js';
import { bootOrder } from '../pci/boot-order.js';
import { areDmaAliases, dmaAliases } from '../pci/dma-alias.js';

/** Why a function is in the group it is in. */
export interface PciGroupReason {
  /** SINGLE and QUIRK: nothing made it join an existing group, in the latter case thanks to a quirk. */
  readonly kind:
    'SINGLE' | 'DMA_ALIAS' | 'MULTIFUNCTION_WITHOUT_ACS' | 'PATH_WITHOUT_ACS' | 'CONVENTIONAL_BUS' | 'QUIRK';
  readonly device: PciFunction;
  /** The function whose group it joins or stands in for; null when it has a group to itself. */
  readonly via: PciFunction | null;
  /** Access control bits that would have kept them apart. */
  readonly missingAcs: readonly string[];
  readonly explanation: string;
}

/** The group a function joins, or null for a new one, and why. */
export interface PciGroupChoice<G> {
  readonly existing: G | null;
  readonly reasons: readonly PciGroupReason[];
}

/**
 * The group of a PCI function, given the groups of the functions that came before it. In this order, and
 * the first existing group found is taken:
 *
 * 1. that of any function or bridge under whose id its requests can arrive;
 * 2. from the last of those, that of each bridge upward until the rest of the path isolates;
 * 3. that of a function of the same bus that shares a requester id with where step 2 stopped;
 * 4. that of another function of the same slot when neither isolates.
 *
 * Linux: pci_device_group().
 */
export function pciDeviceGroup<G>(
  topology: PciTopology,
  fn: PciFunction,
  groupOf: (fn: PciFunction) => G | null,
): PciGroupChoice<G> {
  const reasons: PciGroupReason[] = [];
  let standsFor = fn;

  for (const alias of dmaAliases(topology, fn)) {
    standsFor = alias.fn;
    if (alias.kind === 'REAL_DMA_DEVICE') reasons.push(realDmaReason(fn, alias.fn));
    if (alias.kind === 'BRIDGE') reasons.push(conventionalReason(fn, alias.fn));
    const existing = groupOf(alias.fn);
    if (existing !== null) return { existing, reasons };
  }

  for (const bridge of topology.bridgesAbove(standsFor)) {
    const gap = acsGapAbove(topology, bridge);
    if (gap === null) break;
    standsFor = bridge;
    reasons.push(pathReason(fn, bridge, gap.fn, gap.verdict.missing));
    const existing = groupOf(bridge);
    if (existing !== null) return { existing, reasons };
  }

  const visited = new Set<number>();
  const found =
    groupOfAliases(topology, standsFor, groupOf, visited) ??
    groupOfFunctions(topology, standsFor, groupOf, visited);
  if (found !== null) {
    return { existing: found.group, reasons: [...reasons, peerReason(topology, fn, standsFor, found.peer)] };
  }
  return { existing: null, reasons: reasons.length > 0 ? reasons : [aloneReason(topology, fn)] };
}

/**
 * Groups as a boot makes them: index = group number.
 * @param order functions to group, in probing order; those not in it have no IOMMU
 */
export function computeGroups(
  topology: PciTopology,
  order: readonly PciFunction[] = bootOrder(topology),
): PciFunction[][] {
  const groups: PciFunction[][] = [];
  const groupOf = new Map<PciFunction, PciFunction[]>();
  for (const fn of order) {
    let group = pciDeviceGroup(topology, fn, (other) => groupOf.get(other) ?? null).existing;
    if (group === null) groups.push((group = []));
    group.push(fn);
    groupOf.set(fn, group);
  }
  return groups;
}

interface Found<G> {
  readonly group: G;
  readonly peer: PciFunction;
}

/**
 * A group of the function itself or of anything on its bus that shares a requester id with it, directly
 * or through a chain. `visited` (device and function numbers) ends chains that close.
 * Linux: get_pci_alias_group().
 */
function groupOfAliases<G>(
  topology: PciTopology,
  fn: PciFunction,
  groupOf: (fn: PciFunction) => G | null,
  visited: Set<number>,
): Found<G> | null {
  const devfn = fn.sourceId & 0xff;
  if (visited.has(devfn)) return null;
  visited.add(devfn);
  const own = groupOf(fn);
  if (own !== null) return { group: own, peer: fn };
  for (const other of topology.onBus(fn.address.domain, fn.address.bus)) {
    if (other === fn || !areDmaAliases(topology, fn, other)) continue;
    const found =
      groupOfAliases(topology, other, groupOf, visited) ??
      groupOfFunctions(topology, other, groupOf, visited);
    if (found !== null) return found;
  }
  return null;
}

/**
 * A group of another function of the slot, when neither that one nor this one isolates.
 * Linux: get_pci_function_alias_group().
 */
function groupOfFunctions<G>(
  topology: PciTopology,
  fn: PciFunction,
  groupOf: (fn: PciFunction) => G | null,
  visited: Set<number>,
): Found<G> | null {
  if (!fn.isMultifunction || acsVerdict(topology, fn).missing === 0) return null;
  for (const other of topology.slotOf(fn)) {
    if (other === fn || acsVerdict(topology, other).missing === 0) continue;
    const found = groupOfAliases(topology, other, groupOf, visited);
    if (found !== null) return found;
  }
  return null;
}

function realDmaReason(device: PciFunction, via: PciFunction): PciGroupReason {
  const explanation = `Requests of ${device.name} carry the requester id of ${via.name}, the volume management device it is behind.`;
  return { kind: 'DMA_ALIAS', device, via, missingAcs: [], explanation };
}

function conventionalReason(device: PciFunction, via: PciFunction): PciGroupReason {
  const explanation = `${device.name} is on a conventional PCI bus: the bridge ${via.name} takes its requests over, so the unit cannot tell the devices behind it apart.`;
  return { kind: 'CONVENTIONAL_BUS', device, via, missingAcs: [], explanation };
}

function pathReason(
  device: PciFunction,
  via: PciFunction,
  gap: PciFunction,
  missing: number,
): PciGroupReason {
  const missingAcs = acsNames(missing);
  const explanation = `Requests of ${device.name} can be turned around at ${gap.name} before they reach a unit: it lacks ${missingAcs.join(', ')}.`;
  return { kind: 'PATH_WITHOUT_ACS', device, via, missingAcs, explanation };
}

function peerReason(
  topology: PciTopology,
  device: PciFunction,
  standsFor: PciFunction,
  peer: PciFunction,
): PciGroupReason {
  const missing = acsVerdict(topology, standsFor).missing;
  const sameSlot =
    peer.address.device === standsFor.address.device && missing !== 0 && standsFor.isMultifunction;
  if (!sameSlot || areDmaAliases(topology, standsFor, peer)) {
    const explanation = `${standsFor.name} and ${peer.name} send requests under each other's requester id.`;
    return { kind: 'DMA_ALIAS', device, via: peer, missingAcs: [], explanation };
  }
  const missingAcs = acsNames(missing);
  const explanation = `${standsFor.name} and ${peer.name} are functions of one slot and can reach each other inside the device: neither has ${missingAcs.join(', ')}.`;
  return { kind: 'MULTIFUNCTION_WITHOUT_ACS', device, via: peer, missingAcs, explanation };
}

function aloneReason(topology: PciTopology, device: PciFunction): PciGroupReason {
  const parts = [device, ...topology.bridgesAbove(device)];
  for (const part of parts) {
    const { missing, quirk } = acsVerdict(topology, part);
    if (missing !== 0 || quirk === null) continue;
    const explanation = `${device.name} is isolated although ${part.name} does not say so in configuration space: ${quirk}() vouches for it.`;
    return { kind: 'QUIRK', device, via: part === device ? null : part, missingAcs: [], explanation };
  }
  const explanation = `The unit can tell requests of ${device.name} from those of every other device.`;
  return { kind: 'SINGLE', device, via: null, missingAcs: [], explanation };
}
