import { type U64, toHexDigits } from '../../bits/u64.js';

/** The kernel's `%016llx`. */
export function word(value: U64): string {
  return toHexDigits(value).padStart(16, '0');
}

/** The kernel's `%02x:%02x.%x` of a requester id. */
export function busDeviceFunction(sourceId: number): string {
  const two = (value: number) => value.toString(16).padStart(2, '0');
  return `${two(sourceId >>> 8)}:${two((sourceId >>> 3) & 0x1f)}.${(sourceId & 7).toString(16)}`;
}
