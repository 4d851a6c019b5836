import type { U64 } from '../../bits/u64.js';
import { type FieldDefinition, decodeFields } from '../../layout/fields.js';
import { builder } from '../builder.js';

interface FieldShape {
  readonly name: string;
  readonly value: U64 | number;
  readonly meaning: string | null;
}

export const RegisterField = builder.objectRef<FieldShape>('RegisterField').implement({
  description: 'One named group of bits.',
  fields: (t) => ({
    name: t.exposeString('name', { description: "The specification's name for it." }),
    value: t.expose('value', { type: 'Address', description: 'The bits, shifted down to bit 0.' }),
    meaning: t.exposeString('meaning', {
      nullable: true,
      description: 'What the field says; null where the name says it.',
    }),
  }),
});

/** The fields of a register or table entry, by its field table. */
export function fieldShapes(table: readonly FieldDefinition[], words: readonly U64[]): FieldShape[] {
  return decodeFields(table, words).map(({ name, value, meaning }) => ({
    name,
    value,
    meaning: meaning ?? null,
  }));
}
