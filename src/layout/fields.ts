import { type U64, ZERO, andU64, field, maskOf, shiftRight } from '../bits/u64.js';

/** One named field of a structure made of 64-bit words. */
export interface FieldDefinition {
  /** The specification's name, in its capitals. */
  readonly name: string;
  /** Which 64-bit word of the structure, in address order. */
  readonly word: number;
  /** Highest bit within the word, inclusive. */
  readonly last: number;
  /** Lowest bit within the word. */
  readonly first: number;
  /** What the field is for. */
  readonly meaning?: string;
  /** What single values mean. */
  readonly values?: Readonly<Record<number, string>>;
  /** The field is the upper part of an address: shown in place, with zeros below. */
  readonly address?: true;
}

/** A field with its content. */
export interface DecodedField {
  readonly name: string;
  readonly value: U64;
  /** The meaning of this value where the table gives one, else what the field is for, else null. */
  readonly meaning: string | null;
}

/** Reads every field of a table out of a structure's words; words that were not read count as zero. */
export function decodeFields(fields: readonly FieldDefinition[], words: readonly U64[]): DecodedField[] {
  return fields.map((definition) => {
    const { name, last, first } = definition;
    const inPlace = andU64(words[definition.word] ?? ZERO, maskOf(last, first));
    const value = definition.address ? inPlace : shiftRight(inPlace, first);
    return { name, value, meaning: definition.values?.[value.lo] ?? definition.meaning ?? null };
  });
}

/** One field by its name, as a number. Fields wider than 53 bits do not fit. */
export function fieldValue(fields: readonly FieldDefinition[], name: string, words: readonly U64[]): number {
  const definition = fields.find((candidate) => candidate.name === name);
  if (definition === undefined) throw new RangeError(`no field ${name}`);
  return field(words[definition.word] ?? ZERO, definition.last, definition.first);
}
