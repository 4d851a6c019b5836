import type { DeviceScope, ScopeHop } from '../../layout/dmar/table.js';
import { scopeKindOf } from './scope-kinds.js';

/** Bytes of a scope entry before its path. */
const SCOPE_HEADER_LENGTH = 6;

/** A range of table bytes and where to report what is wrong in it. */
export interface ScopeRange {
  readonly view: DataView;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Told the offset and the finding. */
  readonly warn: (offset: number, message: string) => void;
}

/**
 * Device scopes of one structure, in order. An entry whose length cannot be right ends the walk, since
 * nothing says where the next one starts; entries before it stay.
 * Spec: VT-d 8.3.1 "Device Scope Structure".
 */
export function parseScopes({ view, start, end, warn }: ScopeRange): DeviceScope[] {
  const scopes: DeviceScope[] = [];
  for (let offset = start; offset < end;) {
    if (end - offset < SCOPE_HEADER_LENGTH) {
      warn(offset, `${end - offset} bytes left over behind the last device scope; ignored`);
      break;
    }
    const length = view.getUint8(offset + 1);
    if (length < SCOPE_HEADER_LENGTH) {
      warn(
        offset,
        `device scope of length ${length}, shorter than its own header; rest of the scopes ignored`,
      );
      break;
    }
    if (offset + length > end) {
      warn(offset, `device scope of length ${length} passes the end of its structure; ignored`);
      break;
    }
    const path = parsePath(view, offset, length, warn);
    if (path) {
      const type = view.getUint8(offset);
      scopes.push({
        kind: scopeKindOf(type),
        type,
        flags: view.getUint8(offset + 2),
        enumerationId: view.getUint8(offset + 4),
        startBus: view.getUint8(offset + 5),
        path,
      });
    }
    offset += length;
  }
  return scopes;
}

function parsePath(
  view: DataView,
  offset: number,
  length: number,
  warn: ScopeRange['warn'],
): readonly ScopeHop[] | null {
  if (length % 2 !== 0) warn(offset, `device scope of odd length ${length}; its last byte is ignored`);
  const hops: ScopeHop[] = [];
  for (let at = offset + SCOPE_HEADER_LENGTH; at + 1 < offset + length; at += 2) {
    const hop = { device: view.getUint8(at), function: view.getUint8(at + 1) };
    if (hop.device > 31 || hop.function > 7) {
      warn(
        at,
        `device scope names device ${hop.device} function ${hop.function}, which cannot exist; scope ignored`,
      );
      return null;
    }
    hops.push(hop);
  }
  if (hops.length === 0) {
    warn(offset, 'device scope with an empty path; ignored');
    return null;
  }
  return hops;
}
