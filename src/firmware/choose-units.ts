import { isZero, toHex } from '../bits/u64.js';
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
  const known = byBase([...(logged ?? []), ...(listed ?? [])]);
  const units = [...bases].map(([name, base]) => {
    const unit = known.get(name);
    if (unit) {
      const { registerBase, capability, extendedCapability, version } = unit;
      return { registerBase, capability, extendedCapability, version };
    }
    const assumed = defaultRegisters(base, table.hostAddressWidth);
    const [cap, ecap] = [toHex(assumed.capability), toHex(assumed.extendedCapability)];
    warn(`no registers of the unit at ${name} given; version 1:0, cap ${cap}, ecap ${ecap} are assumed`);
    return { ...assumed, assumed: true as const };
  });
  for (const { registerBase } of listed ?? []) {
    const name = toHex(registerBase);
    if (!bases.has(name)) warn(`the unit at ${name} is in no DRHD of the table; ignored`);
  }
  return { units, warnings };
}

/** Register bases by their text, in table order. */
function basesOf(table: DmarTable): Map<string, U64> {
  const bases = new Map<string, U64>();
  for (const structure of table.structures) {
    if (structure.kind === 'DRHD' && !isZero(structure.registerBase)) {
      bases.set(toHex(structure.registerBase), structure.registerBase);
    }
  }
  return bases;
}

/** Of several with one base the last counts. */
function byBase(units: readonly UnitDescription[]): Map<string, UnitDescription> {
  return new Map(units.map((unit) => [toHex(unit.registerBase), unit]));
}
