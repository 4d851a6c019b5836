import { type U64, addU64, subU64, toHex, u64, u64FromNumber } from '../../bits/u64.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { WalkStep } from '../../hardware/request.js';
import type { MappingRecord } from './address-history.js';
import type { RawWrite } from './raw-writes.js';

/* Sentences people read. Addresses are always written with 0x, revisions as "command N". */

export function hex(value: U64 | number): string {
  return toHex(typeof value === 'number' ? u64FromNumber(value) : value);
}

/** `0x1000-0x1fff`. */
export function range(start: U64, size: U64): string {
  return `${hex(start)}-${hex(subU64(addU64(start, size), u64(0, 1)))}`;
}

/** `SL1 entry 5 at 0x12028, 0x0`. */
export function entry({ level, index, entryAddress, words }: WalkStep): string {
  return `${level} entry ${index} at ${hex(entryAddress)}, ${words.map(hex).join(' ') || 'which cannot be read'}`;
}

/** `read`, `write`, `read and write`, `nothing`. */
export function access({ read, write }: { readonly read: boolean; readonly write: boolean }): string {
  return [read ? ['read'] : [], write ? ['write'] : []].flat().join(' and ') || 'nothing';
}

/** What a refused request wanted, as a verb. */
export function wanted({ access: kind }: FaultOccurred): string {
  return kind === 'PAGE_REQUEST' ? 'ask for a page of' : kind === 'ATOMIC' ? 'write' : kind.toLowerCase();
}

/** Who a request came from, with its tag. */
export function sender(name: string, { pasid }: FaultOccurred): string {
  return pasid === null ? name : `${name} with PASID ${pasid}`;
}

/** When a mapping came and went. */
export function lifetime({ mappedBy, unmappedBy, domain, iova, size }: MappingRecord): string {
  const came = mappedBy === 0 ? 'at boot' : `by command ${mappedBy}`;
  const went = unmappedBy === null ? 'and is there still' : `and unmapped by command ${unmappedBy}`;
  return `${range(iova, size)} of domain ${domain} was mapped ${came} ${went}.`;
}

/** Who wrote an entry past the driver. */
export function writtenBy({ revision, address, words }: RawWrite): string {
  return `Command ${revision} wrote ${words.map(hex).join(' ')} to ${hex(address)}, past the driver.`;
}
