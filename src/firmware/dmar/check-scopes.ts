import { comparePciAddress, formatPciAddress } from '../../bits/pci-address.js';
import type { PciAddress } from '../../bits/pci-address.js';
import type { DeviceScope, DmarTable, RemappingStructure } from '../../layout/dmar/table.js';
import { decodeHeader } from '../../layout/pci/header.js';
import type { ImportWarning, PciFunctionDescription } from '../description.js';
import { hexOffset } from './parse.js';

/** A bridge in name only: non-transparent ones have the header of an endpoint. */
const OTHER_BRIDGE = 0x0680;
/** Linux gives devices behind a volume management device domains from here on. Linux: vmd_find_free_domain(). */
const FIRST_VMD_DOMAIN = 0x10000;

/**
 * Scopes that name a device the listing does not have, or one of the other kind, and segments no unit
 * covers. I/O APICs, HPETs and ACPI devices have requester ids without a PCI function and are left out.
 * Linux: dmar_insert_dev_scope().
 */
export function checkScopes(table: DmarTable, functions: readonly PciFunctionDescription[]): ImportWarning[] {
  const warnings: ImportWarning[] = [];
  const byAddress = new Map(functions.map((fn) => [formatPciAddress(fn.address), fn]));
  for (const structure of table.structures) {
    if (!('scopes' in structure)) continue;
    for (const scope of structure.scopes) {
      const problem = problemOf(structure, scope, byAddress);
      if (problem) {
        const message = `offset ${hexOffset(structure.offset)}: ${structure.kind} ${problem}`;
        warnings.push({ source: 'dmar', line: null, message });
      }
    }
  }
  return [...warnings, ...uncoveredSegments(table, functions)];
}

type Functions = ReadonlyMap<string, PciFunctionDescription>;

function problemOf(
  structure: RemappingStructure & { segment: number },
  scope: DeviceScope,
  functions: Functions,
): string | null {
  if (scope.kind !== 'PCI_ENDPOINT' && scope.kind !== 'PCI_SUB_HIERARCHY') return null;
  const found = resolve(structure.segment, scope, functions);
  if ('missing' in found) {
    return `scope names ${found.missing}, which is not in the PCI listing`;
  }
  if (!found.fn) return null;
  const { kind, classCode } = decodeHeader(found.fn.config);
  const isBridge = kind === 'BRIDGE' || kind === 'CARDBUS';
  const name = formatPciAddress(found.fn.address);
  if (scope.kind === 'PCI_ENDPOINT' && isBridge)
    return `scope names ${name} as an endpoint, but it is a bridge`;
  if (scope.kind === 'PCI_SUB_HIERARCHY' && !isBridge && classCode >>> 8 !== OTHER_BRIDGE) {
    return `scope names ${name} as a bridge, but it is none`;
  }
  return null;
}

/** Spec: VT-d 8.3.1 "Device Scope Structure": each hop but the last leads to the bus behind a bridge. */
function resolve(
  domain: number,
  { startBus, path }: DeviceScope,
  functions: Functions,
): { missing: string } | { fn: PciFunctionDescription | null } {
  let bus = startBus;
  let fn: PciFunctionDescription | undefined;
  for (const [index, hop] of path.entries()) {
    const address: PciAddress = { domain, bus, ...hop };
    fn = functions.get(formatPciAddress(address));
    if (!fn) return { missing: formatPciAddress(address) };
    if (index === path.length - 1) break;
    const { secondaryBus } = decodeHeader(fn.config);
    // A listing without bus numbers cannot tell what is behind the bridge.
    if (!secondaryBus) return { fn: null };
    bus = secondaryBus;
  }
  return { fn: fn ?? null };
}

function uncoveredSegments(table: DmarTable, functions: readonly PciFunctionDescription[]): ImportWarning[] {
  const covered = new Set<number>();
  for (const structure of table.structures) if (structure.kind === 'DRHD') covered.add(structure.segment);
  const uncovered = new Map<number, PciFunctionDescription[]>();
  for (const fn of functions) {
    if (covered.has(fn.address.domain)) continue;
    const members = uncovered.get(fn.address.domain);
    if (members) members.push(fn);
    else uncovered.set(fn.address.domain, [fn]);
  }
  return [...uncovered].map(([domain, members]) => {
    const first = formatPciAddress(members.map(({ address }) => address).sort(comparePciAddress)[0]);
    const reason =
      domain < FIRST_VMD_DOMAIN
        ? `no DRHD covers segment ${domain.toString(16).padStart(4, '0')}`
        : 'these functions are behind a volume management device and use its requester id';
    return {
      source: 'dmar',
      line: null,
      message: `${reason}: ${members.length} in the PCI listing, the first is ${first}`,
    };
  });
}
