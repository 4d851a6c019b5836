import { type U64, ZERO, bit } from '../bits/u64.js';
import type { WalkLevel } from '../hardware/request.js';
import { CONTEXT_ENTRY_FIELDS } from '../layout/context-entry.js';
import type { FieldDefinition } from '../layout/fields.js';
import { firstStageFields } from '../layout/first-stage.js';
import { IRTE_FIELDS, POSTED_IRTE_FIELDS } from '../layout/irte.js';
import { PASID_DIRECTORY_ENTRY_FIELDS } from '../layout/pasid-directory-entry.js';
import { PASID_ENTRY_FIELDS } from '../layout/pasid-entry.js';
import { ROOT_ENTRY_FIELDS, SCALABLE_ROOT_ENTRY_FIELDS } from '../layout/root-entry.js';
import { SCALABLE_CONTEXT_ENTRY_FIELDS } from '../layout/scalable-context-entry.js';
import { secondStageFields } from '../layout/second-stage.js';
import { fieldShapes } from './types/register-fields.js';

interface Entry {
  readonly level: WalkLevel;
  readonly scalable: boolean;
  readonly words: readonly U64[];
}

/** The decoded fields of a table entry, by the table its level belongs to. */
export function entryFields({ level, scalable, words }: Entry) {
  return words.length === 0 ? [] : fieldShapes(fieldTable(level, scalable, words[0] ?? ZERO), words);
}

function fieldTable(level: WalkLevel, scalable: boolean, first: U64): readonly FieldDefinition[] {
  switch (level) {
    case 'ROOT':
      return scalable ? SCALABLE_ROOT_ENTRY_FIELDS : ROOT_ENTRY_FIELDS;
    case 'CONTEXT':
      return scalable ? SCALABLE_CONTEXT_ENTRY_FIELDS : CONTEXT_ENTRY_FIELDS;
    case 'PASID_DIRECTORY':
      return PASID_DIRECTORY_ENTRY_FIELDS;
    case 'PASID':
      return PASID_ENTRY_FIELDS;
    case 'IRTE':
      return bit(first, 15) ? POSTED_IRTE_FIELDS : IRTE_FIELDS;
    default: {
      const number = Number(level[2]);
      return level.startsWith('SL') ? secondStageFields(number, first) : firstStageFields(number, first);
    }
  }
}
