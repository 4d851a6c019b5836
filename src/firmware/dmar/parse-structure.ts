import type { U64 } from '../../bits/u64.js';
import type { RemappingStructure } from '../../layout/dmar/table.js';
import { parseScopes } from './parse-scopes.js';
import { STRUCTURE_TYPES, structureKindOf } from './structure-types.js';

/** One remapping structure that lies inside the table. */
export interface StructureRange {
  readonly view: DataView;
  readonly offset: number;
  readonly type: number;
  readonly length: number;
  readonly warn: (offset: number, message: string) => void;
}

/**
 * Decodes one structure; null when its length does not even hold the fixed fields of its type.
 * Spec: VT-d 8.3 to 8.9, one section per type.
 */
export function parseStructure(range: StructureRange): RemappingStructure | null {
  const { view, offset, type, length, warn } = range;
  const kind = structureKindOf(type);
  const base = { type, offset, length };
  if (kind === null) {
    warn(offset, `structure of unknown type ${type}; skipped by its length ${length}`);
    return { kind: 'UNKNOWN', ...base };
  }
  const { fixedLength } = STRUCTURE_TYPES[kind];
  if (length < fixedLength) {
    warn(offset, `${kind} of length ${length} is shorter than its ${fixedLength} bytes of fields; ignored`);
    return null;
  }
  const scopes = () => parseScopes({ view, start: offset + fixedLength, end: offset + length, warn });
  const segment = view.getUint16(offset + 6, true);
  const flag = (view.getUint8(offset + 4) & 1) !== 0;
  switch (kind) {
    case 'DRHD':
      return {
        kind,
        ...base,
        includeAll: flag,
        segment,
        registerBase: u64At(view, offset + 8),
        size: view.getUint8(offset + 5) & 0xf,
        scopes: scopes(),
      };
    case 'RMRR':
      return {
        kind,
        ...base,
        segment,
        base: u64At(view, offset + 8),
        last: u64At(view, offset + 16),
        scopes: scopes(),
      };
    case 'ATSR':
      return { kind, ...base, allPorts: flag, segment, scopes: scopes() };
    case 'RHSA':
      return {
        kind,
        ...base,
        registerBase: u64At(view, offset + 8),
        proximityDomain: view.getUint32(offset + 16, true),
      };
    case 'ANDD':
      return { kind, ...base, acpiDeviceNumber: view.getUint8(offset + 7), objectName: nameOf(range) };
    case 'SATC':
      return { kind, ...base, atcRequired: flag, segment, scopes: scopes() };
    case 'SIDP':
      return { kind, ...base, segment, scopes: scopes() };
  }
}

/** Linux: dmar_parse_one_andd() takes a name without its terminator for a firmware bug. */
function nameOf({ view, offset, length, warn }: StructureRange): string {
  let name = '';
  for (let at = offset + 8; at < offset + length; at++) {
    const code = view.getUint8(at);
    if (code === 0) return name;
    name += String.fromCharCode(code);
  }
  warn(offset, 'ANDD object name has no terminating zero byte');
  return name;
}

function u64At(view: DataView, offset: number): U64 {
  return { hi: view.getUint32(offset + 4, true), lo: view.getUint32(offset, true) };
}
