import { compareU64, equalU64, subU64, u64 } from '../../bits/u64.js';
import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';
import { carrierOf } from '../../hardware/pci/volume-management.js';
import type { AtsrStructure, DmarTable, DrhdStructure, SatcStructure } from '../../layout/dmar/table.js';
import { type RootBus, bootOrder } from '../pci/boot-order.js';
import { coversFunction, scopeFunction } from './scope.js';

/**
 * Units in the order the kernel searches them. A unit that names its devices goes to the head of the
 * list, so the last of them in the table is asked first; one that takes all the rest goes to the tail. A
 * unit whose segment and base were already seen is dropped.
 * Linux: dmar_register_drhd_unit(), dmar_parse_one_drhd().
 */
export function unitSearchOrder(dmar: DmarTable): DrhdStructure[] {
  const order: DrhdStructure[] = [];
  for (const structure of dmar.structures) {
    if (structure.kind !== 'DRHD') continue;
    const seen = order.some(
      (other) => other.segment === structure.segment && equalU64(other.registerBase, structure.registerBase),
    );
    if (seen) continue;
    if (structure.includeAll) order.push(structure);
    else order.unshift(structure);
  }
  return order;
}

/**
 * The remapping unit a function's requests go through; null when no unit covers it. The function that
 * does its DMA and, for a virtual function, the physical one are looked up, in their own segment.
 * Linux: device_to_iommu().
 */
export function deviceToUnit(
  dmar: DmarTable,
  topology: PciTopology,
  fn: PciFunction,
): { readonly drhd: DrhdStructure } | null {
  const real = carrierOf(topology, fn);
  const looked = real.physicalFunction ?? real;
  for (const drhd of unitSearchOrder(dmar)) {
    if (drhd.segment !== real.address.domain) continue;
    const covered =
      drhd.includeAll ||
      drhd.scopes.some((scope) =>
        coversFunction(topology, scopeFunction(topology, drhd.segment, scope), looked),
      );
    if (covered) return isMisplacedQuickData(topology, drhd, real) ? null : { drhd };
  }
  return null;
}

/**
 * Whether the kernel may switch ATS on for a function: always for an integrated one, never behind a
 * conventional bus, otherwise when its root port is listed.
 *
 * @param satc set where the kernel knows structures that list integrated devices with an address
 *   translation cache (5.18 and later): a device that requires its cache then needs scalable mode
 *
 * Linux: dmar_find_matched_atsr_unit(); dmar_ats_supported() from 5.18 on.
 */
export function atsAllowed(
  dmar: DmarTable,
  topology: PciTopology,
  fn: PciFunction,
  satc: { readonly scalableMode: boolean } | null = null,
): boolean {
  const looked = fn.physicalFunction ?? fn;
  if (satc !== null) {
    const listed = structureListing(topology, looked, looked, ofKind(dmar, 'SATC'));
    if (listed !== null) return !(listed.atcRequired && !satc.scalableMode);
  }
  for (const bridge of topology.bridgesAbove(looked)) {
    if (bridge.pcieType === null || bridge.pcieType === 'PCIE_TO_PCI_BRIDGE') return false;
    if (bridge.pcieType !== 'ROOT_PORT') continue;
    const ports = ofKind(dmar, 'ATSR');
    return (
      structureListing(topology, looked, bridge, ports) !== null ||
      ports.some((atsr) => atsr.allPorts && atsr.segment === looked.address.domain)
    );
  }
  return true;
}

/**
 * Functions that have a unit, in the order they are given groups.
 *
 * @param perUnit true from 6.1 on, where each unit brings its devices in as it is registered, in search
 *   order; before, the bus is walked once when all units are there
 */
export function probeOrder(
  dmar: DmarTable,
  topology: PciTopology,
  { perUnit, rootBuses = [] }: { readonly perUnit: boolean; readonly rootBuses?: readonly RootBus[] },
): PciFunction[] {
  const inBusOrder = bootOrder(topology, rootBuses);
  const unitOf = new Map(inBusOrder.map((fn) => [fn, deviceToUnit(dmar, topology, fn)?.drhd ?? null]));
  if (!perUnit) return inBusOrder.filter((fn) => unitOf.get(fn) !== null);
  const early = (fn: PciFunction): boolean => !fn.isVirtual;
  return [
    ...unitSearchOrder(dmar).flatMap((drhd) =>
      inBusOrder.filter((fn) => early(fn) && unitOf.get(fn) === drhd),
    ),
    ...inBusOrder.filter((fn) => !early(fn) && unitOf.get(fn) !== null),
  ];
}

function ofKind(dmar: DmarTable, kind: 'SATC'): SatcStructure[];
function ofKind(dmar: DmarTable, kind: 'ATSR'): AtsrStructure[];
function ofKind(dmar: DmarTable, kind: 'SATC' | 'ATSR'): (SatcStructure | AtsrStructure)[] {
  return dmar.structures.filter((structure) => structure.kind === kind) as (SatcStructure | AtsrStructure)[];
}

/** The structure of the device's segment whose scopes name `wanted` itself. */
function structureListing<S extends SatcStructure | AtsrStructure>(
  topology: PciTopology,
  device: PciFunction,
  wanted: PciFunction,
  structures: readonly S[],
): S | null {
  const lists = (structure: S): boolean =>
    structure.segment === device.address.domain &&
    structure.scopes.some((scope) => scopeFunction(topology, structure.segment, scope) === wanted);
  return structures.find(lists) ?? null;
}

/**
 * The DMA engine of one server chipset has a unit of its own, 0xa000 above the base in register 0xb0 of
 * the first function of its bus. Firmware that assigns it another unit is not believed, and the engine
 * goes without. Linux: quirk_ioat_snb_local_iommu().
 */
function isMisplacedQuickData(topology: PciTopology, drhd: DrhdStructure, fn: PciFunction): boolean {
  if (fn.vendorId !== 0x8086 || fn.deviceId !== 0x402f) return false;
  const first = topology.find({ ...fn.address, device: 0, function: 0 });
  if (first === null) return true;
  const base = u64(0, first.readConfig(0xb0, 4) & 0xffff0000);
  return compareU64(subU64(drhd.registerBase, base), u64(0, 0xa000)) !== 0;
}
