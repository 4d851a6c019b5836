import type { Walk } from './walk.js';
import { isInterruptAddress } from './address.js';
import { pageOffsetMask } from './nested-walk.js';

/**
 * Turns a leaf into the host address of the request. Returns false when that address is in the interrupt
 * range, which no memory request may reach through translation.
 *
 * A large page that holds the range beside the address asked for is used 4 KiB at a time: otherwise what is
 * cached for one address would let the next one into the range.
 *
 * @param level level of the leaf: 1, 2 or 3; with nested translation the lower of the two
 * @param physicalHi physical address of the request, already combined from leaf and offset
 */
export function setOutput(walk: Walk, physicalHi: number, physicalLo: number, level: number): boolean {
  walk.physicalHi = physicalHi & 0xfffff;
  walk.physicalLo = physicalLo;
  const offset = pageOffsetMask(level);
  const holdsRange = walk.physicalHi === 0 && (physicalLo & ~offset) === (0xfee00000 & ~offset);
  walk.pageSize = (holdsRange ? 0xfff : offset) + 1;
  return !isInterruptAddress(walk.physicalHi, physicalLo);
}
