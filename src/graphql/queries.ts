import { type U64, u64ToNumber } from '../bits/u64.js';
import { templates } from '../platform/templates/index.js';
import { badRequest } from './bad-request.js';
import { builder } from './builder.js';
import { pageArgs } from './connection.js';
import { FaultModeEnum } from './enums.js';
import { Node } from './interfaces.js';
import { PlatformConnection, platformPage } from './lists.js';
import { lookUp } from './node-lookup.js';
import { PlatformRef } from './refs.js';
import { FaultReason, faultReasonRows } from './types/events/fault.js';
import { MAX_WORDS } from './commands/hardware.js';
import { type NodeView, PlatformView, platformView } from './views.js';

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
    resolve: (_root, { id }, { host }) => lookUp(host, id, (found) => found),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The objects with these ids, in this order; null where there is none.',
    args: { ids: t.arg.idList({ required: true, description: 'Ids this API gave out.' }) },
    resolve: (_root, { ids }, { host }) => ids.map((id) => lookUp(host, id, (found) => found)),
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
    resolve: (_root, { name }, { host }) =>
      host.look(name, (platform) => (platform === null ? null : platformView(platform, platform))),
  }),
  platformTemplates: t.field({
    type: [PlatformTemplate],
    description: 'Machines one can start from.',
    resolve: () => [...templates],
  }),
  peekMemory: t.field({
    type: ['Address'],
    description: 'Words of simulated physical memory, as the hardware would read them.',
    args: {
      platform: t.arg.id({ required: true, description: 'Id of the platform.' }),
      address: t.arg({
        type: 'Address',
        required: true,
        description: 'Host physical address, a multiple of 8.',
      }),
      words: t.arg.int({ defaultValue: 8, description: 'How many 64-bit words, 1 to 512.' }),
    },
    resolve: (_root, { platform: id, address, words }, { host }) =>
      lookUp(host, id, (found) => peek(id, found, address, words ?? 8)),
  }),
  faultReasons: t.field({
    type: [FaultReason],
    description: 'Every fault reason the hardware can record.',
    args: { mode: t.arg({ type: FaultModeEnum, description: 'Only reasons of this mode.' }) },
    resolve: (_root, { mode }) => faultReasonRows(mode ?? null),
  }),
}));

function peek(id: string, found: NodeView | null, address: U64, count: number): U64[] {
  if (!(found instanceof PlatformView))
    throw badRequest(`There is no platform with the id "${id.slice(0, 80)}".`);
  if (count < 1 || count > MAX_WORDS) throw badRequest(`words is ${count}; give 1 to ${MAX_WORDS}.`);
  const at = u64ToNumber(address);
  const { memory } = found.it.machine;
  if (at % 8 !== 0) throw badRequest('address must be a multiple of 8.');
  if (at + count * 8 > memory.limit) throw badRequest(`Host memory ends at 0x${memory.limit.toString(16)}.`);
  return Array.from({ length: count }, (_, index) => memory.load64(at + index * 8));
}
