import { equalU64, isZero, toHex } from '../bits/u64.js';
import type { U64 } from '../bits/u64.js';
import type { DmarTable } from '../layout/dmar/table.js';
import { defaultRegisters } from './default-registers.js';
import type { ImportWarning, UnitDescription } from './description.js';

export interface UnitSources {
  /** From /sys/class/iommu; null when that was not given. */
  readonly listed: readonly UnitDescription[] | null;
  /** From a kernel log; null when that was not given. */
  readonly logged: readonly UnitDescription[] | null;
}

/**
 * Registers for each unit of the table: as listed, else as logged, else stated defaults. A base of 0 is
 * no place for registers, so such a unit gets none.
 */
export function chooseUnits(
  table: DmarTable,
  { listed, logged }: UnitSources,
): { units: UnitDescription[]; warnings: ImportWarning[] } {
  const warnings: ImportWarning[] = [];
  const source = listed ? 'iommuUnits' : logged ? 'kernelLog' : 'dmar';
  const warn = (message: string) => warnings.push({ source, line: null, message });
  const bases = basesOf(table);
  const units = bases.map((base) => {
    const known = findUnit(listed, base) ?? findUnit(logged, base);
    if (known) {
      const { registerBase, capability, extendedCapability, version } = known;
      return { registerBase, capability, extendedCapability, version };
    }
    const unit = defaultRegisters(base, table.hostAddressWidth);
    const [cap, ecap] = [toHex(unit.capability), toHex(unit.extendedCapability)];
    warn(
      `no registers of the unit at ${toHex(base)} given; version 1:0, cap ${cap}, ecap ${ecap} are assumed`,
    );
    return unit;
  });
  for (const { registerBase } of listed ?? []) {
    if (!bases.some((base) => equalU64(base, registerBase))) {
      warn(`the unit at ${toHex(registerBase)} is in no DRHD of the table; ignored`);
    }
  }
  return { units, warnings };
}

function basesOf(table: DmarTable): U64[] {
  const bases = new Map<string, U64>();
  for (const structure of table.structures) {
    if (structure.kind === 'DRHD' && !isZero(structure.registerBase)) {
      bases.set(toHex(structure.registerBase), structure.registerBase);
    }
  }
  return [...bases.values()];
}

function findUnit(units: readonly UnitDescription[] | null, base: U64): UnitDescription | undefined {
  return units?.find(({ registerBase }) => equalU64(registerBase, base));
}
