import { parseHex } from '../bits/u64.js';
import type { U64 } from '../bits/u64.js';
import type { ImportWarning, UnitDescription } from './description.js';
import { textLines } from './text-lines.js';

type Attribute = 'address' | 'cap' | 'ecap' | 'version';

interface PartialUnit {
  readonly line: number;
  readonly values: Map<Attribute, string>;
}

/** A path or a heading that names a unit, with what follows it. */
const UNIT = /\b(dmar\d+)(?:\/intel-iommu\/(\w+))?(.*)$/;
const FIELD = /^\s*(address|cap|ecap|version)\s*[:=]?\s+(\S+)/;

/**
 * Registers of remapping units from a listing of /sys/class/iommu: `name: value` lines under each unit,
 * `path:value` lines as `grep . -r` prints them, or `==> path <==` headings as `head` prints them.
 */
export function parseIommuUnits(text: string): { units: UnitDescription[]; warnings: ImportWarning[] } {
  const warnings: ImportWarning[] = [];
  const found = new Map<string, PartialUnit>();
  let current: PartialUnit | null = null;
  let pending: Attribute | null = null;
  for (const { number, text: line } of textLines(text)) {
    if (line === '') continue;
    const field = FIELD.exec(line);
    const named = field ? null : UNIT.exec(line);
    if (named) {
      current = found.get(named[1]) ?? { line: number, values: new Map() };
      found.set(named[1], current);
      pending = attributeOf(named[2]);
      const value = /^:\s*(\S+)/.exec(named[3]);
      if (pending && value) {
        current.values.set(pending, value[1]);
        pending = null;
      }
    } else if (field && current) {
      current.values.set(field[1] as Attribute, field[2]);
    } else if (pending && current) {
      current.values.set(pending, line.trim());
      pending = null;
    } else if (/\bivhd\d+|\bsmmu/.test(line)) {
      warnings.push(warning(number, 'this unit is not an Intel one; ignored'));
      current = null;
    }
  }
  if (found.size === 0) warnings.push(warning(null, 'names no unit dmar0, dmar1 ...'));
  const units = [...found].flatMap(([name, unit]) => complete(name, unit, warnings) ?? []);
  return { units, warnings };
}

function attributeOf(name: string | undefined): Attribute | null {
  return name === 'address' || name === 'cap' || name === 'ecap' || name === 'version' ? name : null;
}

function complete(name: string, unit: PartialUnit, warnings: ImportWarning[]): UnitDescription | null {
  const register = (attribute: Attribute): U64 | null => {
    const value = unit.values.get(attribute);
    const parsed = value === undefined ? null : parseHex(value);
    if (!parsed) {
      const problem =
        value === undefined ? `has no ${attribute}` : `has an unreadable ${attribute} "${value}"`;
      warnings.push(warning(unit.line, `${name} ${problem}; unit ignored`));
    }
    return parsed;
  };
  const [registerBase, capability, extendedCapability] = [
    register('address'),
    register('cap'),
    register('ecap'),
  ];
  if (!registerBase || !capability || !extendedCapability) return null;
  const version = parseVersion(unit.values.get('version') ?? '');
  if (version === null) warnings.push(warning(unit.line, `${name} has no version; 1:0 is assumed`));
  return { registerBase, capability, extendedCapability, version: version ?? 0x10 };
}

/** `major:minor` as the kernel prints it, to a VER register. */
export function parseVersion(text: string): number | null {
  const match = /^(\d{1,2}):(\d{1,2})$/.exec(text);
  return match ? ((Number(match[1]) & 15) << 4) | (Number(match[2]) & 15) : null;
}

function warning(line: number | null, message: string): ImportWarning {
  return { source: 'iommuUnits', line, message };
}
