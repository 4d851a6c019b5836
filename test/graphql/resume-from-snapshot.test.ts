import { setImmediate } from 'node:timers/promises';
import { type ExecutionResult, parse, subscribe } from 'graphql';
import { buildSchema } from '../../src/graphql/schema.js';
import type { CommandLog } from '../../src/log/port.js';
import { openMemoryLog } from '../../src/log/memory-log.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { PlatformHost } from '../../src/platform/host.js';
import { anyCommand, numbersFrom } from '../support/platform/any-commands.js';

const START = 1_600_000_000_000;
const INTERVAL = 60;
const schema = buildSchema();
const document = parse(`subscription ($after: Cursor) {
  stream: events(platform: "Platform:demo", after: $after) {
    cursor gap { firstMissing lastMissing reason } events { sequence revision recordedAt __typename ... on FaultEvent { address kernelLogLine } }
  }
}`);

interface Batch {
  readonly cursor: string;
  readonly gap: {
    readonly firstMissing: number;
    readonly lastMissing: number;
    readonly reason: string;
  } | null;
  readonly events: readonly { readonly sequence: number; readonly revision: number }[];
}

/** Messages of a stream, as they come. */
async function* messages(host: PlatformHost, after: string | null): AsyncGenerator<Batch> {
  const stream = await subscribe({ schema, document, contextValue: { host }, variableValues: { after } });
  if (!(Symbol.asyncIterator in stream)) throw new Error(JSON.stringify(stream));
  for await (const { data } of stream as AsyncIterable<ExecutionResult>)
    yield JSON.parse(JSON.stringify(data!.stream)) as Batch;
}

/** What a stream gives until it has given the newest event there is, and the cursors on the way. */
async function upToNow(stream: AsyncGenerator<Batch>, host: PlatformHost) {
  const events: Batch['events'][number][] = [];
  const cursors: string[] = [];
  const gaps: NonNullable<Batch['gap']>[] = [];
  while ((events.at(-1)?.sequence ?? 0) < host.platform('demo')!.events.last) {
    const batch = (await stream.next()).value as Batch;
    if (batch.gap !== null) gaps.push(batch.gap);
    events.push(...batch.events);
    cursors.push(batch.cursor);
  }
  return { events, cursors, gaps };
}

const open = (log: CommandLog, interval: number, keptEvents: number | null = null) =>
  PlatformHost.open(log, () => START, keptEvents, {
    program: 'mine',
    interval,
    warn: (message) => {
      throw new Error(message);
    },
  });

/** Carries out commands until there were so many. */
async function live(host: PlatformHost, revision: number): Promise<void> {
  const platform = host.platform('demo')!;
  const next = numbersFrom(revision);
  // Commands that name nothing are refused before they are logged.
  while (platform.revision < revision)
    await host.perform('demo', anyCommand(platform, next)).catch(() => undefined);
}

/** A log with the snapshot of a platform that was made between two commands, and what a live stream gave of it. */
async function lived(keptEvents: number | null = null) {
  const log = await openMemoryLog();
  const host = await open(log, INTERVAL, keptEvents);
  await createFromTemplate(host, 'demo', 'sapphire-rapids', {});
  const told: Batch[] = [];
  void (async () => {
    for await (const batch of messages(host, null)) told.push(batch);
  })();
  const born = host.platform('demo')!.events.last;
  await live(host, 100);
  while ((await log.snapshot('demo')) === null) await setImmediate();
  const { last } = host.platform('demo')!.events;
  while (told.at(-1)?.events.at(-1)?.sequence !== last) await setImmediate();
  return { log, told, born };
}

it('a stream resumed at any message after a start from a snapshot gives what followed it then, and goes on', async () => {
  const { log, told, born } = await lived();
  const all = told.flatMap(({ events }) => events);
  expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => born + 1 + index));
  const covered = all.findLastIndex(({ revision }) => revision <= INTERVAL);
  expect(covered).toBeGreaterThan(10);
  expect(covered).toBeLessThan(all.length - 10);

  const read = jest.spyOn(log, 'read');
  const restored = await open(log, 1e9);
  const from = read.mock.calls.find(([stream]) => stream === 'demo')![1];
  expect(from).toBeGreaterThan(INTERVAL);
  const streams = told.map(({ cursor, events }) => ({
    stream: messages(restored, cursor),
    before: events.at(-1)!.sequence,
  }));
  for (const { stream, before } of streams.slice(0, -1)) {
    const { events, gaps } = await upToNow(stream, restored);
    expect(events).toEqual(all.filter(({ sequence }) => sequence > before));
    expect(gaps).toEqual([]);
  }
  await live(restored, 120);
  const { last } = restored.platform('demo')!.events;
  for (const { stream } of streams) {
    const { events } = await upToNow(stream, restored);
    expect(events.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: last - all.at(-1)!.sequence }, (_, index) => all.at(-1)!.sequence + 1 + index),
    );
  }
});

it('what is gone was gone before: a start from a snapshot tells of the same COMPACTED events as a replay', async () => {
  const KEPT = 40;
  const { log, told } = await lived(KEPT);
  const gaps = [];
  for (const host of [await open(log, 1e9, KEPT), await PlatformHost.open(log, () => START, KEPT)]) {
    const { first } = host.platform('demo')!.events;
    const got = await upToNow(messages(host, told[0].cursor), host);
    const begin = told[0].events.at(-1)!.sequence + 1;
    expect(got.gaps).toEqual([{ firstMissing: begin, lastMissing: first - 1, reason: 'COMPACTED' }]);
    gaps.push(got.gaps);
  }
  expect(gaps[0]).toEqual(gaps[1]);
});
