import fc from 'fast-check';
import { eventCursor, sequenceOf } from '../../src/graphql/event-cursor.js';
import { eventPage } from '../../src/graphql/event-page.js';
import { CHUNK_EVENTS } from '../../src/platform/event-chunk.js';
import type { EventFilter } from '../../src/platform/event-filter.js';
import type { PlatformEvent, StampedEvent } from '../../src/platform/event-journal.js';
import { PlatformDecoder } from '../../src/platform/image/decode.js';
import { encodePlatform } from '../../src/platform/image/encode.js';
import type { Platform } from '../../src/platform/platform.js';
import { type Graph, graphWith } from '../support/platform/graph.js';
import { turnsDuring } from '../support/platform/turns.js';

const KINDS = ['MAPPING', 'KERNEL_LOG', 'FAULT'] as const;
type Kind = (typeof KINDS)[number];

function eventOf(kind: Kind, number: number): PlatformEvent {
  const address = { hi: 0, lo: number * 4096 };
  switch (kind) {
    case 'MAPPING': {
      const range = { iova: address, physical: address, size: { hi: 0, lo: 4096 }, read: true, write: true };
      return { type: 'MAPPING', mapped: true, domain: 100 + (number % 5), ...range };
    }
    case 'KERNEL_LOG':
      return { type: 'KERNEL_LOG', text: `line ${number}`, faultRecord: null };
    case 'FAULT': {
      const request = { access: 'READ', addressType: 'UNTRANSLATED', privileged: false } as const;
      const from = { unit: `other${number % 3}`, sourceId: 0xf8, pasid: null };
      return { type: 'FAULT', ...from, address, ...request, reason: 6, recorded: true, recordIndex: null };
    }
  }
}

/** Has the platform's journal hold more events of a kind. */
function happen({ events, revision }: Platform, kind: Kind, count: number): void {
  const more = Array.from({ length: count }, (_, index) => eventOf(kind, events.last + index));
  for (const event of more) events.write(revision, 0, event);
  events.publish(() => null);
}

/** Full chunks are bytes afterwards, as they are after a start. */
function pack({ events }: Platform): void {
  for (const chunk of events.kept) chunk.pack();
}

async function box(): Promise<{ graph: Graph; platform: Platform }> {
  const graph = await graphWith({ box: 'legacy-desktop' });
  return { graph, platform: graph.host.platform('box')! };
}

const filters: readonly {
  readonly filter: EventFilter;
  readonly passes: (event: PlatformEvent) => boolean;
}[] = [
  { filter: {}, passes: () => true },
  { filter: { kinds: ['FAULT'] }, passes: ({ type }) => type === 'FAULT' },
  {
    filter: { kinds: ['KERNEL_LOG', 'MAPPING'] },
    passes: ({ type }) => type === 'KERNEL_LOG' || type === 'MAPPING',
  },
  { filter: { kinds: [] }, passes: () => false },
  { filter: { domain: 103 }, passes: (event) => event.type === 'MAPPING' && event.domain === 103 },
  { filter: { iommuUnit: 'other1' }, passes: (event) => event.type === 'FAULT' && event.unit === 'other1' },
];

/** The platform as a snapshot gives it back. */
function readBack(platform: Platform): Platform {
  const decoder = new PlatformDecoder(platform.header);
  for (const piece of encodePlatform(platform)) decoder.take(piece);
  const finishing = decoder.finish();
  let step = finishing.next();
  while (step.done !== true) step = finishing.next();
  return step.value;
}

/** What a page has to be, found by looking at every event there is. */
function twin(platform: Platform, passes: (event: PlatformEvent) => boolean, asked: Asked) {
  const { first, last } = platform.events;
  const all: StampedEvent[] = [];
  for (let at = first; at <= last; at++) all.push(platform.events.at(at)!);
  const after = asked.after ?? first - 1;
  const before = asked.before ?? last + 1;
  const within = all.filter(({ sequence, event }) => sequence > after && sequence < before && passes(event));
  const nodes = asked.backwards
    ? within.slice(Math.max(0, within.length - asked.size))
    : within.slice(0, asked.size);
  const isCut = within.length > nodes.length;
  return {
    sequences: nodes.map(({ sequence }) => sequence),
    hasPreviousPage: asked.backwards ? isCut : after >= first,
    hasNextPage: asked.backwards ? before <= last : isCut,
  };
}

interface Asked {
  readonly backwards: boolean;
  readonly size: number;
  readonly after: number | null;
  readonly before: number | null;
}

const part = fc.double({ min: 0, max: 1, noNaN: true });

test('a page holds what a look at every event would give, however the events are kept', async () => {
  const history = fc.array(
    fc.record({ kind: fc.constantFrom(...KINDS), count: fc.integer({ min: 1, max: 3 * CHUNK_EVENTS }) }),
    { minLength: 1, maxLength: 12 },
  );
  const asked = fc.record({
    backwards: fc.boolean(),
    size: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10_000 })),
    after: fc.option(part),
    before: fc.option(part),
    filter: fc.constantFrom(...filters),
  });
  const kept = fc.constantFrom('OBJECTS', 'BYTES', 'READ_BACK');
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.option(fc.integer({ min: 1, max: 20_000 })),
      kept,
      fc.array(asked, { minLength: 1, maxLength: 4 }),
      async (runs, capacity, form, questions) => {
        const { graph, platform: lived } = await box();
        if (capacity !== null) lived.events.keep(capacity);
        for (const { kind, count } of runs) happen(lived, kind, count);
        for (const { filter, backwards, size, ...places } of questions) {
          const { first, last } = lived.events;
          // What lies ahead may stand before a page, and not behind one: that is refused.
          const place = (at: number | null, most: number) =>
            at === null ? null : Math.min(most, first + Math.floor(at * (last - first + 1)));
          const question = {
            backwards,
            size,
            after: place(places.after, last),
            before: place(places.before, last + 1),
          };
          const expected = twin(lived, filter.passes, question);
          if (form !== 'OBJECTS') pack(lived);
          const platform = form === 'READ_BACK' ? readBack(lived) : lived;
          const cursor = (at: number | null) => (at === null ? null : eventCursor(platform, at));
          const page = await eventPage(
            graph.host,
            platform,
            {
              ...(backwards ? { last: size } : { first: size }),
              after: cursor(question.after),
              before: cursor(question.before),
            },
            filter.filter,
          );
          const sequences = page.edges.map(({ node }) => node.it.sequence);
          const { hasNextPage, hasPreviousPage } = page.pageInfo;
          expect({ sequences, hasPreviousPage, hasNextPage }).toEqual(expected);
          expect(page.edges.map((edge) => sequenceOf(platform, 'after', edge.cursor))).toEqual(sequences);
        }
      },
    ),
    { numRuns: 30 },
  );
});

/** A search that has to look at all of fifty chunks, which are bytes, and finds nothing. */
const LONG =
  '{ platform(name: "box") { revision events(filter: { domain: "Domain:box/99" }) { nodes { sequence } } } }';

async function longHistory() {
  const { graph, platform } = await box();
  happen(platform, 'MAPPING', 50 * CHUNK_EVENTS);
  pack(platform);
  return { graph, platform };
}

test('others are answered while a long search goes on', async () => {
  const { graph } = await longHistory();
  const answered: string[] = [];
  await Promise.all([
    graph.ask(LONG).then(() => answered.push('long')),
    graph.ask('{ platform(name: "box") { revision } }').then(() => answered.push('short')),
  ]);
  expect(answered).toEqual(['short', 'long']);
});

test('a long search gives way again and again', async () => {
  const { graph } = await longHistory();
  // Of 50 chunks at most five are unpacked in a go.
  expect(await turnsDuring(graph.ask(LONG))).toBeGreaterThanOrEqual(10);
});

test.each(['nodes { platform { revision } }', 'edges { cursor node { platform { revision } } }'])(
  'a long page of %s is put together in turns, all of it of the moment it was asked for',
  async (selection) => {
    const { graph, platform } = await box();
    happen(platform, 'KERNEL_LOG', 5000);
    const asked = graph.ask<{ platform: { events: Record<string, readonly object[]> } }>(
      `{ platform(name: "box") { events(last: 5000) { ${selection} } } }`,
    );
    const sent = graph.send(['allocDomain', { platform: 'Platform:box' }]);
    expect(await turnsDuring(asked)).toBeGreaterThanOrEqual(10);
    expect(await sent).toMatchObject({ revision: 1 });
    const [elements] = Object.values((await asked).platform.events);
    expect(elements).toHaveLength(5000);
    expect(new Set(JSON.stringify(elements).match(/"revision":\d+/g))).toEqual(new Set(['"revision":0']));
  },
);

test('a search by kind passes over chunks that have none, without unpacking them', async () => {
  const { graph, platform } = await longHistory();
  happen(platform, 'FAULT', 1);
  const { platform: seen } = await graph.ask<{ platform: { events: { nodes: { __typename: string }[] } } }>(
    '{ platform(name: "box") { events(last: 3, filter: { kinds: [FAULT] }) { nodes { __typename } } } }',
  );
  expect(seen.events.nodes).toEqual([{ __typename: 'FaultEvent' }]);
  expect(platform.events.kept.filter(({ isPacked }) => isPacked)).toHaveLength(50);
});

test('a page that took long is of the moment it was asked for, whatever is done and dropped meanwhile', async () => {
  const { graph, platform } = await longHistory();
  const { first, last } = platform.events;
  const ask = () =>
    graph.ask<{ platform: { revision: number; events: Found } }>(`{ platform(name: "box") {
      revision
      events(filter: { kinds: [TOPOLOGY, MAPPING], device: "0000:00:1f.6" }, first: 10000) {
        pageInfo { hasNextPage }
        nodes { sequence ... on TopologyEvent { subject { ... on Device { id driver platform { revision } } } } }
      }
    } }`);
  const asked = ask();
  platform.events.keep(1);
  expect(await graph.send(['unbindDriver', { device: 'Device:box/0000:00:1f.6' }])).toMatchObject({
    revision: 1,
  });
  expect(platform.events.at(first)).toBeUndefined();
  const { revision, events } = (await asked).platform;
  expect(revision).toBe(0);
  expect(events.nodes.length).toBeGreaterThan(0);
  for (const { sequence, subject } of events.nodes) {
    expect(sequence).toBeLessThanOrEqual(last);
    expect(subject).toMatchObject({ driver: 'e1000e', platform: { revision: 0 } });
  }
});

interface Found {
  readonly nodes: readonly { readonly sequence: number; readonly subject: unknown }[];
}
