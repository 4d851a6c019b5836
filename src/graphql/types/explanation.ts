import type { DecodedLine } from '../../firmware/kernel-log/decoded-line.js';
import type {
  Explanation,
  Hypothesis as Cause,
  Remedy as Mend,
  ToldMapping,
} from '../../platform/explain/index.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { writtenCommand } from '../commands/written.js';
import { DmaAccessEnum } from '../enums.js';
import { encodeId } from '../ids.js';
import { Node } from '../interfaces.js';
import { FaultEventRef } from '../refs.js';
import { type EventView, subjectView } from '../views.js';
import { DecodedLogLine } from './decoded-log.js';
import { RepairCommand } from './repair-command.js';
import { WalkStep } from './walk.js';

/** Something told of a platform. */
interface Of<T> {
  readonly platform: Platform;
  readonly it: T;
}
type ExplanationShape = Of<Explanation> & { readonly fault: EventView };
type LineShape = Of<Explanation> & { readonly line: DecodedLine };

const MappingHistory = builder.objectRef<Of<ToldMapping>>('MappingHistory').implement({
  description: 'A mapping that covers or covered a page: when it came, and when it went.',
  fields: (t) => ({
    mappedBy: t.field({
      type: 'SequenceNumber',
      description: 'Revision of the command that made it; 0 at boot.',
      resolve: ({ it }) => it.mappedBy,
    }),
    mappedByCommand: t.string({
      nullable: true,
      description: 'Name of that command, as of its mutation; null at boot.',
      resolve: ({ it }) => it.mappedByCommand,
    }),
    mappedAt: t.field({ type: 'DateTime', description: 'When.', resolve: ({ it }) => it.mappedAt }),
    unmappedBy: t.field({
      type: 'SequenceNumber',
      nullable: true,
      description: 'Revision of the command that took it away; null while it was there.',
      resolve: ({ it }) => it.unmappedBy,
    }),
    unmappedByCommand: t.string({
      nullable: true,
      description: 'Name of that command, as of its mutation.',
      resolve: ({ it }) => it.unmappedByCommand,
    }),
    unmappedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was taken away.',
      resolve: ({ it }) => it.unmappedAt,
    }),
    iova: t.field({ type: 'Address', description: 'First I/O address.', resolve: ({ it }) => it.iova }),
    physical: t.field({ type: 'Address', description: 'Where it led.', resolve: ({ it }) => it.physical }),
    size: t.field({ type: 'ByteSize', description: 'Bytes.', resolve: ({ it }) => it.size }),
    access: t.field({
      type: [DmaAccessEnum],
      description: 'What it allowed.',
      resolve: ({ it }) => [it.read ? (['READ'] as const) : [], it.write ? (['WRITE'] as const) : []].flat(),
    }),
    domainId: t.id({
      description: 'Id of the domain it was in, also when that is gone.',
      resolve: ({ platform, it }) => encodeId('Domain', platform.name, it.domain),
    }),
    containerId: t.id({
      nullable: true,
      description: 'Id of the container that had the domain at the instant of the fault; null when none had.',
      resolve: ({ platform, it }) =>
        it.container === null ? null : encodeId('VfioContainer', platform.name, it.container),
    }),
  }),
});

const Remedy = builder.objectRef<Of<Mend>>('Remedy').implement({
  description: 'A way to mend the cause of a fault.',
  fields: (t) => ({
    text: t.string({ description: 'What to do, and what it costs.', resolve: ({ it }) => it.text }),
    commands: t.field({
      type: [RepairCommand],
      description:
        'What to send for it, in this order; none when it is done in a driver, a boot line or the firmware.',
      resolve: ({ platform, it }) => it.commands.map((command) => writtenCommand(platform.name, command)),
    }),
    weakensIsolation: t.boolean({
      description: 'Whether a device can reach more with it than it has to.',
      resolve: ({ it }) => it.weakensIsolation,
    }),
  }),
});

const Hypothesis = builder.objectRef<Of<Cause>>('Hypothesis').implement({
  description: 'A cause that would explain a fault.',
  fields: (t) => ({
    code: t.string({ description: 'A stable upper-case word, for programs.', resolve: ({ it }) => it.code }),
    confidence: t.int({
      description:
        'How sure, 1 to 100: 95 and more leaves no other cause, 40 and less rests on the reason code alone.',
      resolve: ({ it }) => it.confidence,
    }),
    explanation: t.string({ description: 'What happened, for people.', resolve: ({ it }) => it.explanation }),
    evidence: t.stringList({
      description: 'The facts it rests on, one sentence each.',
      resolve: ({ it }) => [...it.evidence],
    }),
    subject: t.field({
      type: Node,
      nullable: true,
      description: 'What to look at, as it is now; null when it is gone.',
      resolve: ({ platform, it }) => (it.subject === null ? null : subjectView(platform, it.subject)),
    }),
    remedy: t.string({
      nullable: true,
      description: 'The best way to mend it; null when there is none.',
      resolve: ({ it }) => it.remedies[0]?.text ?? null,
    }),
    weakensIsolation: t.boolean({
      description: 'Whether a device can reach more with that remedy than it has to.',
      resolve: ({ it }) => it.remedies[0]?.weakensIsolation ?? false,
    }),
    remedies: t.field({
      type: [Remedy],
      description: 'Every way to mend it, the best first.',
      resolve: ({ platform, it }) => it.remedies.map((remedy) => ({ platform, it: remedy })),
    }),
  }),
});

/** What is told of a fault, whether it happened here or stands in a log. */
const Explained = builder.interfaceRef<Of<Explanation>>('Explained').implement({
  description: 'Why a request was refused.',
  fields: (t) => ({
    walk: t.field({
      type: [WalkStep],
      description: 'Every table entry on the way of the request, read from memory, no cache asked.',
      resolve: ({ it: { walk, scalable } }) => walk.map((step) => ({ ...step, scalable })),
    }),
    stoppedAt: t.field({
      type: WalkStep,
      nullable: true,
      description:
        'The step whose entry stopped the request; null when no table was read, or the tables allow it.',
      resolve: ({ it: { stoppedAt, scalable } }) => (stoppedAt === null ? null : { ...stoppedAt, scalable }),
    }),
    domainId: t.id({
      nullable: true,
      description: 'Id of the domain that translated the request; null when none did.',
      resolve: ({ platform, it }) =>
        it.domain === null ? null : encodeId('Domain', platform.name, it.domain),
    }),
    lastMapping: t.field({
      type: MappingHistory,
      nullable: true,
      description: 'The newest mapping that ever covered the address in the domain then attached.',
      resolve: ({ platform, it }) => (it.lastMapping === null ? null : { platform, it: it.lastMapping }),
    }),
    history: t.field({
      type: [MappingHistory],
      description: 'Every mapping of the page in a domain the requester has or had, the newest first.',
      resolve: ({ platform, it }) => it.history.map((mapping) => ({ platform, it: mapping })),
    }),
    historySince: t.field({
      type: 'SequenceNumber',
      description: 'Number of the first event the history is made of; 1 when none is missing.',
      resolve: ({ it }) => it.historySince,
    }),
    hypotheses: t.field({
      type: [Hypothesis],
      description: 'Most likely cause first; never empty.',
      resolve: ({ platform, it }) => it.hypotheses.map((hypothesis) => ({ platform, it: hypothesis })),
    }),
  }),
});

export const FaultExplanation = builder.objectRef<ExplanationShape>('FaultExplanation').implement({
  description: 'The full story of a fault, as of the instant it happened.',
  interfaces: [Explained],
  isTypeOf: (value) => 'fault' in (value as object),
  fields: (t) => ({
    fault: t.field({ type: FaultEventRef, description: 'The fault.', resolve: ({ fault }) => fault }),
  }),
});

export const LogLineExplanation = builder.objectRef<LineShape>('LogLineExplanation').implement({
  description:
    'What a fault line of some log says on a platform like the machine it is from: the tables and the history are those of the platform as it is now, the reason is the one of the line.',
  interfaces: [Explained],
  isTypeOf: (value) => 'line' in (value as object),
  fields: (t) => ({
    line: t.field({ type: DecodedLogLine, description: 'The line.', resolve: ({ line }) => line }),
  }),
});
