import { templates } from '../platform/templates/index.js';
import { builder } from './builder.js';
import { pageArgs } from './connection.js';
import { FaultModeEnum } from './enums.js';
import { Node } from './interfaces.js';
import { PlatformConnection, platformPage } from './lists.js';
import { lookUp } from './node-lookup.js';
import { PlatformRef } from './refs.js';
import { FaultReason, faultReasonRows } from './types/events/fault.js';
import { platformView } from './views.js';

const PlatformTemplate = builder
  .objectRef<{ readonly name: string; readonly description: string }>('PlatformTemplate')
  .implement({
    description: 'A machine one can start from.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'Give it to createPlatform.' }),
      description: t.exposeString('description', { description: 'What is in it.' }),
    }),
  });

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'The object with this id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: 'An id this API gave out.' }) },
    resolve: (_root, { id }, { host }) => lookUp(host, id),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The objects with these ids, in this order; null where there is none.',
    args: { ids: t.arg.idList({ required: true, description: 'Ids this API gave out.' }) },
    resolve: (_root, { ids }, { host }) => ids.map((id) => lookUp(host, id)),
  }),
  platforms: t.field({
    type: PlatformConnection,
    description: 'The platforms of this server, by name.',
    args: pageArgs,
    resolve: (_root, args, { host }) => platformPage(host, args),
  }),
  platform: t.field({
    type: PlatformRef,
    nullable: true,
    description: 'The platform with this name; null when there is none.',
    args: { name: t.arg.string({ required: true, description: 'Its name.' }) },
    resolve: (_root, { name }, { host }) => {
      const platform = host.platform(name);
      return platform === null ? null : platformView(platform, platform);
    },
  }),
  platformTemplates: t.field({
    type: [PlatformTemplate],
    description: 'Machines one can start from.',
    resolve: () => [...templates],
  }),
  faultReasons: t.field({
    type: [FaultReason],
    description: 'Every fault reason the hardware can record.',
    args: { mode: t.arg({ type: FaultModeEnum, description: 'Only reasons of this mode.' }) },
    resolve: (_root, { mode }) => faultReasonRows(mode ?? null),
  }),
}));
