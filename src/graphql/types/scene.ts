import { type Scene as It, scenes } from '../../platform/scenes/index.js';
import { builder } from '../builder.js';
import { KernelProfileEnum } from '../enums.js';

export const Scene = builder.objectRef<It>('Scene').implement({
  description:
    'A trouble somebody had, as a machine, a kernel and commands that show it again. Play it with playScene.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Give it to playScene.' }),
    title: t.exposeString('title', { description: 'One line.' }),
    story: t.exposeString('story', { description: 'What was seen, and what it was.' }),
    thread: t.exposeString('thread', { description: 'Address of the place where it was told in public.' }),
    profile: t.field({
      type: KernelProfileEnum,
      description: 'Whose rules and log texts apply.',
      resolve: ({ kernel }) => kernel.profile ?? 'V5_10',
    }),
    steps: t.stringList({
      description: 'Its commands, one sentence each. The last one is what fails.',
      resolve: ({ steps }) => steps.map(({ says }) => says),
    }),
    logLine: t.string({
      nullable: true,
      description: 'The line the kernel prints at the end; null when it prints none.',
      resolve: ({ ending }) => ending.logLine,
    }),
    errno: t.string({
      nullable: true,
      description: 'What the kernel refuses the last command with; null when the scene ends with a fault.',
      resolve: ({ ending }) => (ending.kind === 'REFUSAL' ? ending.errno : null),
    }),
    verdict: t.string({
      description: 'Code of the most likely cause, as explainFault gives it, or of the blocker of a refusal.',
      resolve: ({ ending }) => ending.verdict,
    }),
  }),
});

builder.queryField('scenes', (t) =>
  t.field({
    type: [Scene],
    description: 'Troubles people had and told in public, each to be played on a platform of its own.',
    resolve: () => [...scenes],
  }),
);
