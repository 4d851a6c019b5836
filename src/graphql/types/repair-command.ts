import { builder } from '../builder.js';
import { type WrittenCommand, documentOf } from '../commands/written.js';

export const RepairCommand = builder.objectRef<WrittenCommand>('RepairCommand').implement({
  description: 'A command that would help, ready to be sent.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name of the mutation, and of its field in CommandInput.' }),
    input: t.string({
      description: 'Its input as JSON, to be given as the variable "input".',
      resolve: ({ input }) => JSON.stringify(input),
    }),
    document: t.string({
      description: 'The whole mutation as a GraphQL document.',
      resolve: (written) => documentOf(written),
    }),
  }),
});
