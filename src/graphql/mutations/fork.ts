import { checkName } from '../../platform/create.js';
import { builder } from '../builder.js';
import { requestFields, termsOf } from '../commands/asked.js';
import { requireKnownKind } from '../ids.js';
import { refusalsAsValues } from '../types/errors.js';
import { PlatformResult } from './platform.js';

const ForkPlatformInput = builder.inputType('ForkPlatformInput', {
  description: 'What to fork, and from which moment on.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform to start from.' }),
    name: t.string({ required: true, description: 'A name that is not taken.' }),
    revision: t.field({
      type: 'SequenceNumber',
      description: 'The last command both have in common; 0 is right after boot. Now, when left out.',
    }),
    ...requestFields(t),
  }),
});

builder.mutationField('forkPlatform', (t) =>
  t.field({
    type: PlatformResult,
    description:
      "A new platform that starts with this one's whole state, now or at an earlier revision. From then on they know nothing of each other; past events keep their numbers and times.",
    args: { input: t.arg({ type: ForkPlatformInput, required: true, description: 'What to fork.' }) },
    resolve: (_root, { input }, { host }) =>
      refusalsAsValues(async () => {
        checkName(input.name);
        const { platform: origin } = requireKnownKind(input.platform, 'Platform');
        const terms = termsOf('forkPlatform', input);
        const platform = await host.fork(origin, input.name, input.revision ?? null, terms);
        return {
          __typename: 'PlatformPayload' as const,
          platform,
          revision: platform.header.fork!.revision,
          // A fork causes nothing: what its history holds happened to its origin.
          firstSequence: 1,
          lastSequence: 0,
          value: platform,
        };
      }),
  }),
);
