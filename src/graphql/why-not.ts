import type { Command } from '../platform/command.js';
import { ConflictError, InvalidInputError, NotFoundError } from '../platform/errors.js';
import type { PlatformHost } from '../platform/host.js';
import { checkRevision } from '../platform/idempotency.js';
import { copyPlatform } from '../platform/image/copy.js';
import type { Platform } from '../platform/platform.js';
import {
  type RepairVerdict,
  type WhyNot,
  refusedBeforeTheKernel,
  whyNot,
} from '../platform/why-not/index.js';
import { badRequest } from './bad-request.js';
import { builder } from './builder.js';
import { type CommandChoice, CommandInput, chosen } from './commands/command-input.js';
import { writtenCommand } from './commands/written.js';
import { RepairVerdictEnum } from './enums.js';
import { Blocker } from './types/errors.js';
import { RepairCommand } from './types/repair-command.js';

interface Answer extends WhyNot {
  readonly platform: Platform;
}

const Repair = builder.objectRef<Answer>('Repair').implement({
  description: 'What would make a command succeed.',
  fields: (t) => ({
    verdict: t.field({
      type: RepairVerdictEnum,
      description: 'Whether there is a repair.',
      resolve: ({ verdict }): RepairVerdict => verdict,
    }),
    commands: t.field({
      type: [RepairCommand],
      description:
        'The shortest list found, in order: when all of them were done the command succeeds, and when any one is left out it does not. Empty unless the verdict is FOUND.',
      resolve: ({ platform, repair }) => repair.map((command) => writtenCommand(platform.name, command)),
    }),
    reason: t.string({
      nullable: true,
      description:
        'Why there is none, naming what no command removes; null when there is one or none is needed.',
      resolve: ({ reason }) => reason,
    }),
    blockers: t.field({
      type: [Blocker],
      description: 'What stands in the way, as whyNot gives it.',
      resolve: ({ platform, obstacles }) => obstacles.map((it) => ({ platform, it })),
    }),
  }),
});

const command = {
  type: CommandInput,
  required: true,
  description: 'The command, as its mutation would be sent. Its idempotency key is not looked at.',
} as const;

builder.queryFields((t) => ({
  whyNot: t.field({
    type: [Blocker],
    description:
      'Everything that stands in the way of a command as the platform is when this is asked, all at once; empty when it would succeed. Tried on a second self of the platform, which is not touched: first what the kernel refuses it for, then what it would refuse it for after that. A DMA request that the hardware would block counts as refused.',
    args: { command: t.arg(command) },
    resolve: async (_root, args, { host }) => {
      const { platform, obstacles } = await ask(host, args.command);
      return obstacles.map((it) => ({ platform, it }));
    },
  }),
  minimalRepair: t.field({
    type: Repair,
    description:
      'The shortest list of commands that makes a command succeed, or why there is none. Found by trying on second selves of the platform, which is not touched.',
    args: { command: t.arg(command) },
    resolve: (_root, args, { host }) => ask(host, args.command),
  }),
}));

async function ask(host: PlatformHost, choice: CommandChoice): Promise<Answer> {
  const { terms, ask: read } = chosen(choice);
  try {
    const { platform: name, command } = read();
    const named = host.platform(name);
    if (named === null) throw badRequest(`There is no platform "${name}".`);
    return await host.trying(named, () => answer(host, name, command, terms.expectedRevision));
  } catch (error) {
    if (error instanceof InvalidInputError || error instanceof NotFoundError) throw badRequest(error.message);
    throw error;
  }
}

async function answer(
  host: PlatformHost,
  name: string,
  command: Command,
  expectedRevision: number | null | undefined,
): Promise<Answer> {
  const platform = await host.look(name, (same) => same);
  if (platform === null) throw badRequest(`There is no platform "${name}".`);
  try {
    checkRevision(name, platform.revision, expectedRevision);
  } catch (error) {
    if (error instanceof ConflictError) return { platform, ...refusedBeforeTheKernel(error) };
    throw error;
  }
  // Commands are carried out between two tries: all of them, and what is shown, begin with this one moment.
  const then = copyPlatform(platform);
  const found = await whyNot(() => Promise.resolve(copyPlatform(then)), command, host.now());
  return { platform: then, ...found };
}
