import { KernelError } from '../kernel/errno.js';
import { ConflictError, InvalidInputError, NotFoundError } from '../platform/errors.js';
import { type PlannedRefusal, tryCommand } from '../platform/plan.js';
import type { Platform } from '../platform/platform.js';
import { checkRevision } from '../platform/idempotency.js';
import { background } from '../platform/time-slice.js';
import { badRequest } from './bad-request.js';
import { builder } from './builder.js';
import { type CommandChoice, CommandInput, chosen } from './commands/command-input.js';
import { decodeId } from './ids.js';
import { Event } from './interfaces.js';
import { ErrorInterface, Refusal } from './types/errors.js';
import { type EventView, eventView } from './views.js';

/** Most commands one plan takes. */
const MAX_COMMANDS = 1000;

interface Outcome {
  readonly index: number;
  readonly error: Refusal | null;
}

const CommandOutcome = builder.objectRef<Outcome>('CommandOutcome').implement({
  description: 'What would become of one planned command.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in the list, from 0.' }),
    error: t.field({
      type: ErrorInterface,
      nullable: true,
      description: 'Why it would be refused; null when it would succeed.',
      resolve: ({ error }) => error,
    }),
  }),
});

interface PlanShape {
  readonly outcomes: readonly Outcome[];
  readonly events: readonly EventView[];
}

const Plan = builder.objectRef<PlanShape>('Plan').implement({
  description: 'What commands would do, found out on a second self of the platform that is then dropped.',
  fields: (t) => ({
    outcomes: t.field({
      type: [CommandOutcome],
      description: 'One for each command, in their order.',
      resolve: ({ outcomes }) => [...outcomes],
    }),
    events: t.field({
      type: [Event],
      description:
        'What they would cause, in order, with the numbers it would have now. None of it happened: their ids stand for nothing.',
      resolve: ({ events }) => [...events],
    }),
  }),
});

builder.queryField('plan', (t) =>
  t.field({
    type: Plan,
    description: 'What the commands would do one after another, one outcome each, without doing it.',
    args: {
      platform: t.arg.id({ required: true, description: 'Id of the platform.' }),
      commands: t.arg({
        type: [CommandInput],
        required: true,
        description: `At most ${MAX_COMMANDS}. A later one may use the ids an earlier one will give. Idempotency keys are not looked at.`,
      }),
    },
    resolve: async (_root, { platform: id, commands }, { host }) => {
      const decoded = decodeId(id);
      const none = () => badRequest(`There is no platform with the id "${id.slice(0, 80)}".`);
      const platform = decoded?.kind === 'Platform' ? host.platform(decoded.platform) : null;
      if (platform === null) throw none();
      if (commands.length > MAX_COMMANDS) {
        throw badRequest(`Give at most ${MAX_COMMANDS} commands, not ${commands.length}.`);
      }
      return host.trying(platform, async () => {
        const replica = await host.replica(platform.name).catch((error: unknown) => {
          // It may also go while a command rests in its middle.
          throw error instanceof NotFoundError ? none() : error;
        });
        return carryOut(replica, commands, host.now());
      });
    },
  }),
);

async function carryOut(
  replica: Platform,
  commands: readonly CommandChoice[],
  time: number,
): Promise<PlanShape> {
  const { last } = replica.events;
  const outcomes: Outcome[] = [];
  for (const [index, choice] of commands.entries()) {
    const refusal = await tryChoice(replica, choice, index, time);
    const platform = refusal instanceof KernelError ? replica : null;
    outcomes.push({ index, error: refusal === null ? null : new Refusal(refusal, platform) });
    await background.next();
  }
  const events: EventView[] = [];
  for (let at = last + 1; at <= replica.events.last; at++) {
    const stamped = replica.events.at(at);
    if (stamped !== undefined) events.push(eventView(replica, stamped));
  }
  return { outcomes, events };
}

/** As the mutation would answer, with paths that begin at this query's argument. */
async function tryChoice(
  replica: Platform,
  choice: CommandChoice,
  index: number,
  time: number,
): Promise<PlannedRefusal | ConflictError> {
  const { name, terms, ask } = chosen(choice);
  const path = ['commands', String(index), name];
  try {
    const { platform, command } = ask();
    if (platform !== replica.name) {
      return new InvalidInputError(path, `The command is for "${platform}", the plan for "${replica.name}".`);
    }
    checkRevision(replica.name, replica.revision, terms.expectedRevision);
    return withPath(path, await tryCommand(replica, command, time));
  } catch (error) {
    if (error instanceof InvalidInputError) return withPath(path, error);
    if (error instanceof NotFoundError || error instanceof ConflictError) return error;
    throw error;
  }
}

function withPath<E>(path: readonly string[], error: E): E | InvalidInputError {
  if (!(error instanceof InvalidInputError)) return error;
  return new InvalidInputError([...path, ...error.path.slice(1)], error.message);
}
