import type { OutputRef } from '@pothos/core';
import type { Command } from '../../platform/command.js';
import type { VerbResults } from '../../platform/verbs.js';
import { builder } from '../builder.js';
import type { GraphContext } from '../context.js';
import {
  ConflictErrorType,
  InvalidInputErrorType,
  KernelErrorType,
  NotFoundErrorType,
  Refusal,
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

const REFUSALS = {
  KernelError: KernelErrorType,
  InvalidInputError: InvalidInputErrorType,
  NotFoundError: NotFoundErrorType,
  ConflictError: ConflictErrorType,
} as const;

/** The union a mutation returns: its payload, or one of the refusals it can meet. */
export function resultUnion<P>(
  name: string,
  payload: OutputRef<P>,
  refusals: readonly (keyof typeof REFUSALS)[],
) {
  return builder.unionType(name, {
    description: `What ${name.replace(/Result$/, '')} gives: the payload, or why it was refused.`,
    types: [payload, ...refusals.map((refusal) => REFUSALS[refusal])] as never[],
    resolveType: (value) => (value as Refusal | PayloadShape).__typename as never,
  }) as unknown as ReturnType<typeof builder.objectRef<P | Refusal>>;
}

/** Performs a command and gives its payload, or the kernel's refusal. */
export async function performCommand<T extends Command['type'], const Name extends string>(
  { host }: GraphContext,
  platformName: string,
  typename: Name,
  command: Extract<Command, { type: T }>,
): Promise<PayloadShape<Name, VerbResults[T]> | Refusal> {
  const applied = await host.perform(platformName, command);
  const platform = applied.platform;
  if (applied.result.ok) {
    const { revision, firstSequence, lastSequence } = applied;
    return {
      __typename: typename,
      platform,
      revision,
      firstSequence,
      lastSequence,
      value: applied.result.value as VerbResults[T],
    };
  }
  return new Refusal(applied.result.error, platform);
}
