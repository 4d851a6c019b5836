import type { Command } from '../../platform/command.js';
import { type RequestTerms, requestKey } from '../../platform/idempotency.js';
import type { builder } from '../builder.js';

/** A command and the platform it is for: what an input says, whether it is then performed or only planned. */
export interface Asked<T extends Command['type'] = Command['type']> {
  readonly platform: string;
  readonly command: Extract<Command, { type: T }>;
}

/** What every input may say of the request itself. */
export interface RequestInput {
  readonly idempotencyKey?: string | null;
  readonly expectedRevision?: number | null;
}

const KEY =
  'A name of your own for this request, 1 to 200 characters. The same key with the same input gives the same answer and has one effect, also after a restart; with another input it is a ConflictError. Commands have the keys of their platform, requests that make or delete platforms those of the server. A request that names something that does not exist leaves its key free, and so does deleting the platform that was made under it.';
const EXPECTED =
  'Refuse with a ConflictError unless the platform is at this revision, commands on their way included.';

/** What builds the fields of an input. */
export type InputFields = Parameters<Parameters<typeof builder.inputType>[1]['fields']>[0];
type ArgFields = Parameters<Exclude<Parameters<typeof builder.mutationField>[1], undefined>>[0]['arg'];

/** The key alone, for inputs of platforms that are yet to be made. */
export function keyField(t: InputFields) {
  return { idempotencyKey: t.string({ description: KEY }) };
}

/** Fields that every input of a command has. */
export function requestFields(t: InputFields) {
  return {
    ...keyField(t),
    expectedRevision: t.field({ type: 'SequenceNumber', description: EXPECTED }),
  };
}

/** The same as arguments, for commands that have no input. */
export function requestArgs(arg: ArgFields) {
  return {
    idempotencyKey: arg.string({ description: KEY }),
    expectedRevision: arg({ type: 'SequenceNumber', description: EXPECTED }),
  };
}

/**
 * What the client ties its request to.
 *
 * @param within what the key is a field of; nothing where it is an argument itself
 */
export function termsOf(
  verb: string,
  input: RequestInput,
  within: readonly string[] = ['input'],
): RequestTerms {
  const { idempotencyKey, ...rest } = input;
  return {
    ...(idempotencyKey != null && {
      request: requestKey(idempotencyKey, verb, rest, [...within, 'idempotencyKey']),
    }),
    ...(input.expectedRevision != null && { expectedRevision: input.expectedRevision }),
  };
}
