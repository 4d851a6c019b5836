import { toHexDigits, u64FromNumber } from '../../bits/u64.js';
import type { IntelUnit } from '../../kernel/intel/unit.js';
import { REGISTER } from '../../layout/registers.js';
import { word } from './format.js';

/** Linux: QI_LENGTH. */
const SLOTS = 256;

/**
 * A unit's part of `invalidation_queue`: where the queue stands, and every slot with its status (0 free,
 * 1 in use, 2 done, 3 aborted); nothing for a unit used through its registers.
 * Linux: invalidation_queue_show(), invalidation_queue_entry_show().
 */
export function invalidationQueue(unit: IntelUnit): string {
  const { ring } = unit;
  if (ring === null) return '';
  const { memory } = unit.surroundings;
  const wide = unit.capabilities.SMTS;
  const slotBytes = wide ? 32 : 16;
  const position = (offset: number) => Math.floor(unit.read32(offset) / slotBytes);
  const base = ring.baseFrame * 4096;
  const rows: string[] = [];
  for (let index = 0; index < SLOTS; index++) {
    const words = Array.from({ length: slotBytes / 8 }, (_, at) =>
      word(memory.load64(base + index * slotBytes + at * 8)),
    );
    const status = memory
      .load32(ring.statusFrame * 4096 + index * 4)
      .toString(16)
      .padStart(16, '0');
    rows.push(`${String(index).padStart(5)}\t${words.join('\t')}\t${status}\n`);
  }
  return [
    `Invalidation queue on IOMMU: ${unit.name}\n`,
    ` Base: 0x${toHexDigits(u64FromNumber(base))}\tHead: ${position(REGISTER.IQH)}\tTail: ${position(REGISTER.IQT)}\n`,
    wide ? 'Index\t\tqw0\t\t\tqw1\t\t\tqw2\t\t\tqw3\t\t\tstatus\n' : 'Index\t\tqw0\t\t\tqw1\t\t\tstatus\n',
    ...rows,
    '\n',
  ].join('');
}
