import type { U64 } from '../../bits/u64.js';
import type { WalkLevel, WalkStep as Step } from '../../hardware/request.js';
import { builder } from '../builder.js';
import { entryFields } from '../entry-fields.js';
import { RegisterField } from './register-fields.js';

/** A table entry with what decides how its words are read. */
export interface EntryShape {
  readonly level: WalkLevel;
  /** Whether root and context entries have the scalable-mode format. */
  readonly scalable: boolean;
  readonly address: number;
  readonly words: readonly U64[];
  readonly present: boolean;
}

export const TableEntry = builder.objectRef<EntryShape>('TableEntry').implement({
  description: 'An entry of a translation table as it lies in memory.',
  fields: (t) => ({
    address: t.expose('address', { type: 'Address', description: 'Host physical address of the entry.' }),
    words: t.expose('words', { type: ['Address'], description: '64-bit words in address order.' }),
    present: t.exposeBoolean('present', { description: 'Whether the hardware would use it.' }),
    fields: t.field({
      type: [RegisterField],
      description: 'The words, decoded.',
      resolve: (entry) => entryFields(entry),
    }),
  }),
});

export const WalkStep = builder.objectRef<Step & { readonly scalable: boolean }>('WalkStep').implement({
  description: 'One table entry read on the way from an address to its page.',
  fields: (t) => ({
    level: t.exposeString('level', {
      description:
        'ROOT, CONTEXT, PASID_DIRECTORY, PASID, or the table level SL4 ... SL1, FL5 ... FL1; IRTE for the entry an interrupt uses.',
    }),
    index: t.exposeInt('index', { description: 'Which entry of its table.' }),
    entryAddress: t.expose('entryAddress', {
      type: 'Address',
      description: 'Physical address of the entry.',
    }),
    words: t.expose('words', {
      type: ['Address'],
      description: '64-bit words of the entry, in address order.',
    }),
    present: t.exposeBoolean('present', { description: 'Whether the walk may go on from here.' }),
    fields: t.field({
      type: [RegisterField],
      description: 'The words, decoded.',
      resolve: (step) => entryFields(step),
    }),
  }),
});
