import { decodeKernelLog } from '../firmware/kernel-log/decode.js';
import type { FaultOccurred } from '../hardware/events.js';
import type { StampedEvent } from '../platform/event-journal.js';
import { explainFault, explainLikeFaults } from '../platform/explain/index.js';
import { faultOfLine } from '../platform/explain/log-line.js';
import { untilWhole } from '../platform/in-slices.js';
import { badRequest } from './bad-request.js';
import { builder } from './builder.js';
import { lookUp } from './node-lookup.js';
import { FaultExplanation, LogLineExplanation } from './types/explanation.js';
import { EventView, PlatformView } from './views.js';

/** Most fault lines of a text that are explained; a storm says the same a thousand times. */
const MOST_LINES = 100;

builder.queryFields((t) => ({
  explainFault: t.field({
    type: FaultExplanation,
    nullable: true,
    description:
      'Why a request was refused, as of the instant it was: the walk, the entry that stopped it, what was mapped there and when, and what could be the cause. Null when the id is not that of a fault that is kept. It answers the same whatever happened since.',
    args: { event: t.arg.id({ required: true, description: 'Id of the fault event.' }) },
    resolve: async (_root, { event }, { host }) => {
      const found = await lookUp(host, event, (same) => same);
      if (!(found instanceof EventView) || found.it.event.type !== 'FAULT') return null;
      const stamped = found.it as StampedEvent<FaultOccurred>;
      const it = await host.trying(found.platform, () => explainFault(host, found.platform, stamped));
      await untilWhole(found.platform);
      return it === null ? null : { platform: found.platform, fault: found, it };
    },
  }),
  explainLogLines: t.field({
    type: [LogLineExplanation],
    description: `The fault lines of a kernel log, explained on a platform like the machine they are from: best an import of it. The first ${MOST_LINES} are; lines of other vendors' units and of requesters no unit of the platform serves are left out.`,
    args: {
      platform: t.arg.id({ required: true, description: 'Id of the platform.' }),
      text: t.arg.string({ required: true, description: 'Text of dmesg, or a single line of it.' }),
    },
    resolve: async (_root, { platform: id, text }, { host }) => {
      const found = await lookUp(host, id, (same) => same);
      if (!(found instanceof PlatformView))
        throw badRequest(`There is no platform with the id "${id.slice(0, 80)}".`);
      const { it: platform } = found;
      const told = decodeKernelLog(text)
        .flatMap((line) => {
          const fault = faultOfLine(platform, line);
          return fault === null ? [] : [{ line, fault }];
        })
        .slice(0, MOST_LINES);
      const faults = told.map(({ fault }) => fault);
      const explained = await host.trying(platform, () => explainLikeFaults(host, platform, faults));
      await untilWhole(platform);
      return told.map(({ line }, index) => ({ platform, line, it: explained[index] }));
    },
  }),
}));
