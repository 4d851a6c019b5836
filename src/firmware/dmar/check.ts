import { addU64, compareU64, isZero, pageOffsetOf, toHex, u64FromNumber } from '../../bits/u64.js';
import type { DmarTable, DrhdStructure, RmrrStructure } from '../../layout/dmar/table.js';
import type { ImportWarning } from '../description.js';
import { hexOffset } from './parse.js';

/** Finding about the structure at an offset. */
type Warn = (offset: number, message: string) => void;

/**
 * What a readable table gets wrong, as firmware does. None of it keeps the table from being used here;
 * what the kernel makes of it is for the kernel to say.
 * Spec: VT-d 8.3 "DMA Remapping Hardware Unit Definition Structure", 8.4 "Reserved Memory Region Reporting
 * Structure". Linux: dmar_parse_one_drhd(), dmar_parse_one_rmrr(), dmar_parse_one_rhsa().
 */
export function checkTable(table: DmarTable): ImportWarning[] {
  const warnings: ImportWarning[] = [];
  const warn: Warn = (offset, message) => {
    warnings.push({ source: 'dmar', line: null, message: `offset ${hexOffset(offset)}: ${message}` });
  };
  const drhds = table.structures.filter((structure) => structure.kind === 'DRHD');
  if (drhds.length === 0) warn(48, 'the table has no DRHD, so no remapping unit');
  checkDrhds(drhds, warn);
  const bases = new Set(drhds.map(({ registerBase }) => toHex(registerBase)));
  let lastType = 0;
  for (const structure of table.structures) {
    if (structure.type < lastType) {
      warn(
        structure.offset,
        `structure of type ${structure.type} behind one of type ${lastType}; types have to ascend`,
      );
    }
    lastType = Math.max(lastType, structure.type);
    if (structure.kind === 'RMRR') checkRmrr(structure, warn);
    if (structure.kind === 'RHSA' && !bases.has(toHex(structure.registerBase))) {
      warn(structure.offset, `RHSA names register base ${toHex(structure.registerBase)}, which no DRHD has`);
    }
  }
  return warnings;
}

function checkDrhds(drhds: readonly DrhdStructure[], warn: Warn): void {
  const seen = new Map<string, number>();
  const includeAll = new Map<number, number>();
  for (const { offset, registerBase, segment, includeAll: isIncludeAll } of drhds) {
    const base = toHex(registerBase);
    const before = seen.get(base);
    if (isZero(registerBase)) warn(offset, 'DRHD with register base 0; Linux refuses the table');
    else if (pageOffsetOf(registerBase) !== 0)
      warn(offset, `DRHD register base ${base} is not at a page boundary`);
    if (before === undefined) seen.set(base, offset);
    else warn(offset, `DRHD with register base ${base} again, as at ${hexOffset(before)}; Linux ignores it`);
    const all = includeAll.get(segment);
    if (all !== undefined) {
      warn(
        offset,
        `DRHD of segment ${segment} behind the INCLUDE_PCI_ALL one at ${hexOffset(all)}, which has to be last`,
      );
    }
    if (isIncludeAll) includeAll.set(segment, offset);
  }
}

function checkRmrr({ offset, base, last }: RmrrStructure, warn: Warn): void {
  const range = `[${toHex(base)}-${toHex(last)}]`;
  if (compareU64(last, base) <= 0) warn(offset, `RMRR ${range} ends at or before its start`);
  else if (pageOffsetOf(base) !== 0 || pageOffsetOf(addU64(last, u64FromNumber(1))) !== 0) {
    warn(offset, `RMRR ${range} does not start and end at page boundaries`);
  } else if (isZero(base)) warn(offset, `RMRR ${range} starts at address 0`);
}
