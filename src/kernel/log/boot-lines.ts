import { addU64, bit, compareU64, equalU64, toHexDigits, type U64 } from '../../bits/u64.js';
import type { DeviceScope, DmarTable, DrhdStructure, RmrrStructure } from '../../layout/dmar/table.js';
import type { KernelProfileName } from '../config.js';

/** What a boot knows of a remapping unit when it reads the table. */
export interface BootUnit {
  /** `dmar0`. */
  readonly name: string;
  readonly segment: number;
  readonly registerBase: U64;
  /** Version register: major number in bits 7:4, minor in bits 3:0. */
  readonly version: number;
  readonly capability: U64;
  readonly extendedCapability: U64;
}

const FIRMWARE_BUG = '[Firmware Bug]: ';

/**
 * What the kernel logs while it walks the DMAR table: each structure, and behind a structure what reading
 * it brings out. The machine's firmware vendor and version, which real logs add to complaints, are not
 * part of a description and are left out.
 * Linux: parse_dmar_table(), dmar_table_print_dmar_entry().
 */
export function dmarTableLines(
  dmar: DmarTable,
  units: readonly BootUnit[],
  profile: KernelProfileName,
): string[] {
  if (dmar.hostAddressWidth < 12) return ['DMAR: Invalid DMAR haw'];
  const lines = [`Host address width ${dmar.hostAddressWidth}`];
  const announced = new Set<BootUnit>();
  for (const structure of dmar.structures) {
    switch (structure.kind) {
      case 'DRHD': {
        lines.push(`DRHD base: ${hex(structure.registerBase, 16)} flags: 0x${structure.includeAll ? 1 : 0}`);
        const unit = unitOf(units, structure);
        if (unit === null || announced.has(unit)) break;
        announced.add(unit);
        lines.push(...unknownScopes(structure.scopes), ...unitLines(unit));
        break;
      }
      case 'RMRR':
        lines.push(`RMRR base: ${hex(structure.base, 16)} end: ${hex(structure.last, 16)}`);
        if (isBadRmrr(structure)) {
          const range = `${hex(structure.base, 18)}-${hex(structure.last, 18)}`;
          lines.push(`${FIRMWARE_BUG}Your BIOS is broken; bad RMRR [${range}]`);
        }
        lines.push(...unknownScopes(structure.scopes));
        break;
      case 'ATSR':
        lines.push(`ATSR flags: 0x${structure.allPorts ? 1 : 0}`);
        if (!structure.allPorts) lines.push(...unknownScopes(structure.scopes));
        break;
      case 'RHSA': {
        const proximity = structure.proximityDomain.toString(16);
        lines.push(`RHSA base: ${hex(structure.registerBase, 16)} proximity domain: 0x${proximity}`);
        if (units.some((unit) => equalU64(unit.registerBase, structure.registerBase))) break;
        const base = toHexDigits(structure.registerBase);
        lines.push(`${FIRMWARE_BUG}Your BIOS is broken; RHSA refers to non-existent DMAR unit at ${base}`);
        break;
      }
      case 'ANDD':
        lines.push(`ANDD device: ${structure.acpiDeviceNumber.toString(16)} name: ${structure.objectName}`);
        break;
      case 'SATC':
        if (profile !== 'V5_10') lines.push(`SATC flags: 0x${structure.atcRequired ? 1 : 0}`);
        break;
      default:
    }
  }
  if (!dmar.structures.some((structure) => structure.kind === 'DRHD')) {
    lines.push(`${FIRMWARE_BUG}No DRHD structure found in DMAR table`);
  }
  return lines.map((line) => `DMAR: ${line}`);
}

/**
 * What the kernel logs while it prepares interrupt remapping, and the mode it ends in; no lines when the
 * table or a unit does not offer it.
 *
 * @param order units in search order, see `unitSearchOrder`
 * @param x2apic whether the processors can use 32-bit interrupt destinations
 * @param ignoresOptOut whether a firmware that asks not to use them is listened to no more
 *
 * Linux: intel_prepare_irq_remapping(), ir_parse_ioapic_hpet_scope().
 */
export function interruptRemappingLines(
  dmar: DmarTable,
  order: readonly DrhdStructure[],
  units: readonly BootUnit[],
  x2apic: boolean,
  ignoresOptOut = false,
): { readonly lines: string[]; readonly mode: 'x2apic' | 'xapic' | null } {
  if (!dmar.interruptRemapping) return { lines: [], mode: null };
  const lines: string[] = [];
  const active = order.flatMap((drhd) => {
    const unit = unitOf(units, drhd);
    return unit === null ? [] : [{ drhd, unit }];
  });
  const remaps = ({ unit }: { unit: BootUnit }): boolean => bit(unit.extendedCapability, 3);
  for (const { drhd, unit } of active.filter(remaps)) {
    const base = `0x${toHexDigits(drhd.registerBase)}`;
    for (const scope of drhd.scopes) {
      if (scope.kind === 'IOAPIC') {
        // Two blanks before the base: so the kernel has it.
        const sequence = unit.name.replace(/^dmar/, '');
        lines.push(`IOAPIC id ${scope.enumerationId} under DRHD base  ${base} IOMMU ${sequence}`);
      }
      if (scope.kind === 'HPET') lines.push(`HPET id ${scope.enumerationId} under DRHD base ${base}`);
    }
  }
  if (!active.every(remaps) || active.length === 0) {
    if (!active.some(remaps)) lines.push('Not enabling interrupt remapping');
    if (x2apic) lines.push('Failed to enable irq remapping. You are vulnerable to irq-injection attacks.');
    return { lines: lines.map(asRemapping), mode: null };
  }
  const optedOut = dmar.x2apicOptOut && !ignoresOptOut;
  let extended = x2apic && !optedOut;
  if (x2apic && optedOut) {
    lines.push('x2apic is disabled because BIOS sets x2apic opt out bit.');
    lines.push("Use 'intremap=no_x2apic_optout' to override the BIOS setting.");
  }
  for (const { unit } of active) {
    if (!extended || bit(unit.extendedCapability, 4)) continue;
    lines.push(`${unit.name} does not support EIM`);
    extended = false;
  }
  if (extended) {
    lines.push('Queued invalidation will be enabled to support x2apic and Intr-remapping.');
  }
  const mode = extended ? 'x2apic' : 'xapic';
  lines.push(`Enabled IRQ remapping in ${mode} mode`);
  return { lines: lines.map(asRemapping), mode };
}

/** What the table does not hold, said before the units are set up. Linux: intel_iommu_init(). */
export function absentStructureLines(dmar: DmarTable, profile: KernelProfileName): string[] {
  const kinds = profile === 'V5_10' ? (['RMRR', 'ATSR'] as const) : (['RMRR', 'ATSR', 'SATC'] as const);
  return kinds
    .filter((kind) => !dmar.structures.some((structure) => structure.kind === kind))
    .map((kind) => `DMAR: No ${kind} found`);
}

/** How a unit will be told to forget translations. Linux: intel_iommu_init_qi(). */
export function invalidationLine(unitName: string, queued: boolean): string {
  return `DMAR: ${unitName}: Using ${queued ? 'Queued' : 'Register based'} invalidation`;
}

/** Linux: rmrr_sanity_check(), without the comparison against the memory map, which a description lacks. */
export function isBadRmrr({ base, last }: RmrrStructure): boolean {
  const end = addU64(last, { hi: 0, lo: 1 });
  return (base.lo & 0xfff) !== 0 || (end.lo & 0xfff) !== 0 || compareU64(last, base) <= 0;
}

/** The lines of one unit. Linux: alloc_iommu(). */
function unitLines(unit: BootUnit): string[] {
  const lines: string[] = [];
  if (((unit.capability.lo >>> 8) & 0x1f) === 0) {
    lines.push(`${unit.name}: No supported address widths. Not attempting DMA translation.`);
  }
  const version = `${unit.version >>> 4}:${unit.version & 0xf}`;
  const registers = `cap ${toHexDigits(unit.capability)} ecap ${toHexDigits(unit.extendedCapability)}`;
  lines.push(`${unit.name}: reg_base_addr ${toHexDigits(unit.registerBase)} ver ${version} ${registers}`);
  return lines;
}

/** One complaint for each scope of a type the kernel does not know. Linux: dmar_alloc_dev_scope(). */
function unknownScopes(scopes: readonly DeviceScope[]): string[] {
  return scopes.filter((scope) => scope.kind === 'UNKNOWN').map(() => 'Unsupported device scope');
}

function unitOf(units: readonly BootUnit[], drhd: DrhdStructure): BootUnit | null {
  const same = (unit: BootUnit): boolean =>
    unit.segment === drhd.segment && equalU64(unit.registerBase, drhd.registerBase);
  return units.find(same) ?? null;
}

/** The kernel's `%#016Lx`: the columns count the prefix. */
function hex(value: U64, columns: number): string {
  return `0x${toHexDigits(value).padStart(columns - 2, '0')}`;
}

function asRemapping(line: string): string {
  return `DMAR-IR: ${line}`;
}
