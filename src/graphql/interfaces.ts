import { builder } from './builder.js';
import type { EventView } from './views.js';
import { type EndpointView, type NodeView } from './views.js';

/** The interfaces of the schema. Their fields that lead to object types are added beside those types. */
export const Node = builder.interfaceRef<NodeView>('Node').implement({
  description:
    'An object that can be fetched again by its id. Ids are stable across restarts and readable (Device:demo/0000:6a:01.0); treat them as opaque.',
  fields: (t) => ({
    id: t.id({ description: 'Stable, unique, readable; treat it as opaque.', resolve: ({ id }) => id }),
  }),
});

export const Endpoint = builder.interfaceRef<EndpointView>('Endpoint').implement({
  description: 'Something that can issue DMA: a physical function or a subdevice.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.string({
      description: 'The name sysfs shows: a PCI address or a UUID.',
      resolve: ({ it }) => it.name,
    }),
  }),
});

export const Event = builder.interfaceRef<EventView>('Event').implement({
  description: 'Something that happened on a platform. Sequence numbers run 1, 2, 3, ... without a hole.',
  interfaces: [Node],
});
