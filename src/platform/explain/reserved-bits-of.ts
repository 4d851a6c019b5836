import { type U64, ZERO, andU64, bit, notU64 } from '../../bits/u64.js';
import { TRANSLATION_TYPE, reservedInContextEntry } from '../../layout/context-entry.js';
import { reservedInFirstStage } from '../../layout/first-stage.js';
import { reservedInPasidEntry } from '../../layout/pasid-entry.js';
import { reservedInTablePointer } from '../../layout/root-entry.js';
import { reservedInScalableContextEntry } from '../../layout/scalable-context-entry.js';
import { reservedInSecondStage, secondStageLargePages } from '../../layout/second-stage.js';
import type { WalkStep } from '../../hardware/request.js';
import type { FaultCase } from './fault-case.js';

/** The reserved bits an entry has set. */
export interface ReservedBits {
  /** `word:bit`. */
  readonly names: readonly string[];
  /** The entry without them. */
  readonly cleared: readonly U64[];
}

/** What an entry has set of its reserved bits; nothing for entries whose reserved bits are not known here. */
export function reservedBitsOf(fault: FaultCase, step: WalkStep): ReservedBits {
  const masks = reservedMasks(fault, step);
  const maskOfWord = (index: number) => masks[index] ?? ZERO;
  return {
    names: step.words.flatMap((word, index) =>
      POSITIONS.filter((at) => bit(andU64(word, maskOfWord(index)), at)).map((at) => `${index}:${at}`),
    ),
    cleared: step.words.map((word, index) => andU64(word, notU64(maskOfWord(index)))),
  };
}

const POSITIONS = Array.from({ length: 64 }, (_, position) => position);

function reservedMasks({ unit, platform }: FaultCase, { level, words }: WalkStep): readonly U64[] {
  const { capabilities, rootTable } = unit;
  const width = platform.header.description.dmar?.hostAddressWidth ?? 52;
  const [first] = words;
  switch (level) {
    case 'ROOT':
      return words.map(() => reservedInTablePointer(width));
    case 'CONTEXT': {
      if (rootTable.ttm === 1) return reservedInScalableContextEntry(capabilities, width);
      const legacy = reservedInContextEntry(capabilities, width);
      return ((first.lo >>> 2) & 3) === TRANSLATION_TYPE.PASS_THROUGH ? legacy.passThrough : legacy.walked;
    }
    case 'PASID':
      return reservedInPasidEntry(capabilities, width, (first.lo >>> 6) & 7);
    case 'PASID_DIRECTORY':
    case 'IRTE':
      return [];
    default: {
      const number = Number(level[2]);
      const isLarge = number > 1 && (first.lo & 0x80) !== 0;
      if (level.startsWith('FL')) return [reservedInFirstStage(width, number, number === 1 || isLarge)];
      const isLeaf = number === 1 || (isLarge && secondStageLargePages(capabilities, number));
      return [reservedInSecondStage(capabilities, width, rootTable.ssirwe, number, isLeaf)];
    }
  }
}
