import type { OutputRef } from '@pothos/core';
import type { Command } from '../../platform/command.js';
import type { VerbResults } from '../../platform/verbs/index.js';
import { builder } from '../builder.js';
import { type Asked, type RequestInput, termsOf } from '../commands/asked.js';
import type { GraphContext } from '../context.js';
import {
  ConflictErrorType,
  InvalidInputErrorType,
  KernelErrorType,
  NotFoundErrorType,
  NotStoredErrorType,
  Refusal,
  refusalsAsValues,
} from '../types/errors.js';
import { CommandPayload, type PayloadShape } from '../types/payloads.js';

/** Reference to the payload type of a command; fields beside the common three are added by its file. */
export function payloadType<const Name extends string, V>(name: Name, description: string) {
  const ref = builder.objectRef<PayloadShape<Name, V>>(name);
  return {
    ref,
    implement: (fields: NonNullable<Parameters<typeof ref.implement>[0]['fields']> | undefined) =>
      ref.implement({
        description,
        interfaces: [CommandPayload] as never,
        isTypeOf: (value) => (value as { __typename?: string }).__typename === name,
        ...(fields === undefined ? {} : { fields }),
      }),
  };
}

/** What every request can meet: a name that stands for nothing, a bad argument, a key that was used, a full disk. */
const ALWAYS = [NotFoundErrorType, InvalidInputErrorType, ConflictErrorType, NotStoredErrorType];

/** The union a mutation returns: its payload, or why it was refused, by the kernel too where it is asked. */
export function resultUnion<P>(name: string, payload: OutputRef<P>, asked: 'KERNEL' | 'NO_KERNEL') {
  const refusals = asked === 'KERNEL' ? [KernelErrorType, ...ALWAYS] : ALWAYS;
  return builder.unionType(name, {
    description: `What ${name.replace(/Result$/, '')} gives: the payload, or why it was refused.`,
    types: [payload, ...refusals] as never[],
    resolveType: (value) => (value as Refusal | PayloadShape).__typename as never,
  }) as unknown as ReturnType<typeof builder.objectRef<P | Refusal>>;
}

/** Performs what an input asks for and gives the payload, or why it was refused. */
export function perform<I extends RequestInput, T extends Command['type'], const Name extends string>(
  { host }: GraphContext,
  typename: Name,
  input: I,
  ask: (input: I) => Asked<T>,
): Promise<PayloadShape<Name, VerbResults[T]> | Refusal> {
  return refusalsAsValues(async () => {
    const { platform: name, command } = ask(input);
    const applied = await host.perform<T>(name, command, termsOf(command.type, input));
    const { platform, revision, firstSequence, lastSequence, result } = applied;
    if (!result.ok) return new Refusal(result.error, platform);
    const value = result.value as VerbResults[T];
    return { __typename: typename, platform, revision, firstSequence, lastSequence, value };
  });
}
