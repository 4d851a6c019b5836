import { parseHex } from '../../bits/u64.js';
import type { UnitDescription } from '../description.js';
import { parseVersion } from '../iommu-units.js';
import type { TextLine } from '../text-lines.js';

/** Older kernels wrote `IOMMU 0:` for what is `dmar0:` now. */
const UNIT =
  /\b(?:dmar|IOMMU )(\d{1,4}): reg_base_addr ([0-9a-f]{1,16}) ver (\d{1,2}:\d{1,2}) cap ([0-9a-f]{1,16}) ecap ([0-9a-f]{1,16})\b/;

export interface LoggedUnit extends UnitDescription {
  /** The N of dmarN. */
  readonly index: number;
  readonly line: number;
}

/** The registers a kernel prints for each unit it finds. Linux: alloc_iommu(). Null for any other line. */
export function parseUnitLine({ number, text }: TextLine): LoggedUnit | null {
  const match = UNIT.exec(text);
  if (!match) return null;
  const [registerBase, capability, extendedCapability] = [match[2], match[4], match[5]].map(parseHex);
  const version = parseVersion(match[3]);
  if (!registerBase || !capability || !extendedCapability || version === null) return null;
  return { index: Number(match[1]), line: number, registerBase, capability, extendedCapability, version };
}
