import { type Blocker as KernelBlocker, KernelError } from '../../kernel/errno.js';
import { ConflictError, InvalidInputError, NotFoundError, NotStoredError } from '../../platform/errors.js';
import type { Platform } from '../../platform/platform.js';
import type { Obstacle } from '../../platform/why-not/index.js';
import { builder } from '../builder.js';
import { writtenCommand } from '../commands/written.js';
import { MendedByEnum } from '../enums.js';
import { encodeId, type NodeKind } from '../ids.js';
import { Node } from '../interfaces.js';
import { subjectView } from '../views.js';
import { RepairCommand } from './repair-command.js';

/** A blocker with its platform; one that whyNot found is an obstacle and knows more. */
export interface BlockerShape {
  readonly platform: Platform;
  readonly it: KernelBlocker | Obstacle;
}

export const Blocker = builder.objectRef<BlockerShape>('Blocker').implement({
  description: 'One reason why an operation is refused.',
  fields: (t) => ({
    code: t.string({
      description: 'A stable upper-case word, for programs.',
      resolve: ({ it }) => it.code,
    }),
    message: t.string({ description: 'One sentence, for people.', resolve: ({ it }) => it.message }),
    subject: t.field({
      type: Node,
      nullable: true,
      description: 'The object in the way; null when there is none.',
      resolve: ({ platform, it }) => (it.subject === null ? null : subjectView(platform, it.subject)),
    }),
    remedy: t.string({
      nullable: true,
      description: 'What mends it; null when nothing does.',
      resolve: ({ it }) => it.remedy,
    }),
    evidence: t.stringList({
      nullable: true,
      description:
        'Facts behind it, one a line: register bits, table entries, options, owners. Only whyNot and minimalRepair gather them; null elsewhere.',
      resolve: ({ it }) => ('evidence' in it ? [...it.evidence] : null),
    }),
    mendedBy: t.field({
      type: MendedByEnum,
      nullable: true,
      description: 'What it takes to remove it. Only whyNot and minimalRepair say; null elsewhere.',
      resolve: ({ it }) => ('mendedBy' in it ? it.mendedBy : null),
    }),
    repair: t.field({
      type: [RepairCommand],
      nullable: true,
      description:
        'Commands that remove this blocker, in order; empty when none does. One of them can be refused itself: minimalRepair looks that far. Only whyNot and minimalRepair say; null elsewhere.',
      resolve: ({ platform, it }) =>
        'repair' in it ? it.repair.map((command) => writtenCommand(platform.name, command)) : null,
    }),
  }),
});

type Refused = KernelError | InvalidInputError | NotFoundError | ConflictError | NotStoredError;

/**
 * A refusal as a value. The errors themselves cannot be: the executor throws whatever Error it is given,
 * also where a type could show it.
 */
export class Refusal<E extends Refused = Refused> {
  constructor(
    readonly error: E,
    /** Whose kernel refused; null where no kernel was asked. */
    readonly platform: Platform | null,
  ) {}

  get __typename(): E['name'] {
    return this.error.name;
  }

  get message(): string {
    return this.error.message;
  }
}

export const ErrorInterface = builder.interfaceRef<{ readonly message: string }>('Error').implement({
  description: 'A refusal a client can act on.',
  fields: (t) => ({ message: t.exposeString('message', { description: 'One sentence, for people.' }) }),
});

export const KernelErrorType = builder.objectRef<Refusal<KernelError>>('KernelError').implement({
  description: 'The kernel refused: the errno it returns and the function that decides.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof Refusal && value.error instanceof KernelError,
  fields: (t) => ({
    message: t.string({
      description: 'The rule, naming the object.',
      resolve: ({ error }) => error.message,
    }),
    errno: t.string({ description: 'EINVAL, EBUSY, ...', resolve: ({ error }) => error.errno }),
    number: t.int({ description: 'Positive errno number.', resolve: ({ error }) => error.number }),
    function: t.string({
      description: 'The kernel function whose rule this is.',
      resolve: ({ error }) => error.mirrors,
    }),
    blockers: t.field({
      type: [Blocker],
      description: 'The objects in the way, where the rule names some.',
      resolve: ({ platform, error }) => error.blockers.map((it) => ({ platform: platform!, it })),
    }),
  }),
});

export const InvalidInputErrorType = builder
  .objectRef<Refusal<InvalidInputError>>('InvalidInputError')
  .implement({
    description: 'An argument is malformed; the path names it.',
    interfaces: [ErrorInterface],
    isTypeOf: (value) => value instanceof Refusal && value.error instanceof InvalidInputError,
    fields: (t) => ({
      path: t.stringList({
        description: 'Names of the argument and its fields, outermost first.',
        resolve: ({ error }) => [...error.path],
      }),
    }),
  });

export const NotFoundErrorType = builder.objectRef<Refusal<NotFoundError>>('NotFoundError').implement({
  description: 'An id names nothing.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof Refusal && value.error instanceof NotFoundError,
  fields: (t) => ({
    id: t.id({
      description: 'The id as it was given, or as it would be.',
      resolve: ({ error: { id, kind, platform, key } }) =>
        id ?? (platform === null ? key : encodeId(kind as NodeKind, platform, key)),
    }),
  }),
});

export const ConflictErrorType = builder.objectRef<Refusal<ConflictError>>('ConflictError').implement({
  description:
    'A name or an idempotency key is taken, or the platform is not at the revision the caller expected.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof Refusal && value.error instanceof ConflictError,
  fields: (t) => ({
    existing: t.id({
      nullable: true,
      description: 'What has it; null when it cannot be fetched.',
      resolve: ({ error: { existing } }) => (existing === null ? null : encodeId('Platform', existing, '')),
    }),
    revision: t.field({
      type: 'SequenceNumber',
      nullable: true,
      description: 'Where the platform is now, when expectedRevision was another; null otherwise.',
      resolve: ({ error }) => error.revision,
    }),
  }),
});

export const NotStoredErrorType = builder.objectRef<Refusal<NotStoredError>>('NotStoredError').implement({
  description:
    'The server could not store the command, as when its disk is full. Nothing was changed; the same input may be sent again later.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof Refusal && value.error instanceof NotStoredError,
});

/** Turns the errors a client can act on into values; everything else stays thrown, and is masked. */
export async function refusalsAsValues<T>(work: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    const isRefusal =
      error instanceof InvalidInputError ||
      error instanceof NotFoundError ||
      error instanceof ConflictError ||
      error instanceof NotStoredError;
    if (!isRefusal) throw error;
    return new Refusal(error, null);
  }
}
