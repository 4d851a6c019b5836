import type { U64 } from '../../bits/u64.js';
import type {
  DeviceScope,
  DmarTable,
  RemappingStructure,
  UnknownStructure,
} from '../../layout/dmar/table.js';
import { checksumOf } from './parse.js';
import { SCOPE_TYPES } from './scope-kinds.js';
import { HEADER_LENGTH, STRUCTURE_TYPES } from './structure-types.js';

/** A scope to write; the type number follows from the kind, `UNKNOWN` needs it said. */
export type DeviceScopeSpec = Pick<DeviceScope, 'kind' | 'startBus' | 'path'> &
  Partial<Pick<DeviceScope, 'type' | 'flags' | 'enumerationId'>>;

type SpecOf<S extends RemappingStructure> = S extends { readonly scopes: unknown }
  ? Omit<S, 'type' | 'offset' | 'length' | 'scopes'> & { readonly scopes: readonly DeviceScopeSpec[] }
  : Omit<S, 'type' | 'offset' | 'length'>;

/** A structure to write: what {@link RemappingStructure} holds, without what its place decides. */
export type RemappingStructureSpec =
  | SpecOf<Exclude<RemappingStructure, UnknownStructure>>
  | { readonly kind: 'UNKNOWN'; readonly type: number; readonly body: Uint8Array };

/** What a table says; a parsed {@link DmarTable} without unknown structures is one too. */
export interface DmarSpec extends Partial<
  Omit<DmarTable, 'hostAddressWidth' | 'structures' | 'checksumValid'>
> {
  readonly hostAddressWidth: number;
  readonly structures: readonly RemappingStructureSpec[];
}

/** Bytes of a DMAR table with a valid checksum. Spec: VT-d 8.1 "DMA Remapping Reporting Structure". */
export function buildDmar(spec: DmarSpec): Uint8Array {
  const structures = spec.structures.map(structureBytes);
  const length = structures.reduce((sum, bytes) => sum + bytes.length, HEADER_LENGTH);
  const table = new Uint8Array(length);
  const view = new DataView(table.buffer);
  putText(table, 0, 4, 'DMAR');
  view.setUint32(4, length, true);
  table[8] = 1;
  putText(table, 10, 6, spec.oemId ?? '');
  putText(table, 16, 8, spec.oemTableId ?? '');
  table[36] = spec.hostAddressWidth - 1;
  table[37] =
    (spec.interruptRemapping ? 1 : 0) | (spec.x2apicOptOut ? 2 : 0) | (spec.dmaControlOptIn ? 4 : 0);
  let offset = HEADER_LENGTH;
  for (const bytes of structures) {
    table.set(bytes, offset);
    offset += bytes.length;
  }
  table[9] = -checksumOf(table) & 0xff;
  return table;
}

function structureBytes(spec: RemappingStructureSpec): Uint8Array {
  if (spec.kind === 'UNKNOWN') return withHeader(spec.type, 4, spec.body).bytes;
  const { type, fixedLength } = STRUCTURE_TYPES[spec.kind];
  if (spec.kind === 'ANDD') {
    const name = new Uint8Array(spec.objectName.length + 1);
    putText(name, 0, spec.objectName.length, spec.objectName);
    const { bytes } = withHeader(type, fixedLength, name);
    bytes[7] = spec.acpiDeviceNumber;
    return bytes;
  }
  const { bytes, view } = withHeader(type, fixedLength, 'scopes' in spec ? scopesBytes(spec.scopes) : null);
  if ('segment' in spec) view.setUint16(6, spec.segment, true);
  switch (spec.kind) {
    case 'DRHD':
      bytes[4] = spec.includeAll ? 1 : 0;
      bytes[5] = spec.size;
      putU64(view, 8, spec.registerBase);
      break;
    case 'RMRR':
      putU64(view, 8, spec.base);
      putU64(view, 16, spec.last);
      break;
    case 'ATSR':
      bytes[4] = spec.allPorts ? 1 : 0;
      break;
    case 'RHSA':
      putU64(view, 8, spec.registerBase);
      view.setUint32(16, spec.proximityDomain, true);
      break;
    case 'SATC':
      bytes[4] = spec.atcRequired ? 1 : 0;
      break;
    case 'SIDP':
      break;
  }
  return bytes;
}

function withHeader(
  type: number,
  fixedLength: number,
  tail: Uint8Array | null,
): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(fixedLength + (tail?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type, true);
  view.setUint16(2, bytes.length, true);
  if (tail) bytes.set(tail, fixedLength);
  return { bytes, view };
}

function scopesBytes(scopes: readonly DeviceScopeSpec[]): Uint8Array {
  return Uint8Array.from(
    scopes.flatMap((scope) => [
      scope.kind === 'UNKNOWN' ? (scope.type ?? 0) : SCOPE_TYPES[scope.kind],
      6 + 2 * scope.path.length,
      scope.flags ?? 0,
      0,
      scope.enumerationId ?? 0,
      scope.startBus,
      ...scope.path.flatMap((hop) => [hop.device, hop.function]),
    ]),
  );
}

function putU64(view: DataView, offset: number, value: U64): void {
  view.setUint32(offset, value.lo, true);
  view.setUint32(offset + 4, value.hi, true);
}

/** Firmware pads these fields with spaces. */
function putText(target: Uint8Array, offset: number, length: number, text: string): void {
  for (let i = 0; i < length; i++) target[offset + i] = i < text.length ? text.charCodeAt(i) & 0xff : 0x20;
}
