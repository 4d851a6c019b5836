import { type Api, startApi } from '../support/api.js';
import { openSse } from '../support/server/sse-client.js';
import { WsClient } from '../support/server/ws-client.js';

const NIC = 'Device:demo/0000:16:00.0';
const DISK = 'Device:demo/0000:28:00.0';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

/** Lets a device touch an address nobody mapped, so that its unit faults once. */
async function fault(endpoint = NIC, address = '0x123456789000'): Promise<void> {
  const { dma } = await api.ask<{ dma: { outcome: string } }>(
    `mutation { dma(input: { endpoint: "${endpoint}", address: "${address}" }) { ... on DmaPayload { outcome } } }`,
  );
  expect(dma.outcome).toBe('FAULTED');
}

const position = async () =>
  (await api.ask<{ platform: { lastSequence: number } }>(`{ platform(name: "demo") { lastSequence } }`))
    .platform.lastSequence;

interface Batch {
  readonly cursor: string;
  readonly gap: null;
  readonly events: {
    sequence: number;
    sourceId?: string;
    reason?: { hex: string };
    descriptor?: string;
    kind?: string;
  }[];
}

const FAULTS = `subscription ($filter: FaultFilter, $after: Cursor) {
  stream: faults(platform: "Platform:demo", filter: $filter, after: $after) {
    cursor gap { firstMissing } events { sequence sourceId reason { hex } }
  }
}`;
const EVENTS = `subscription ($filter: EventFilter, $after: Cursor) {
  stream: events(platform: "Platform:demo", filter: $filter, after: $after) {
    cursor gap { firstMissing } events { sequence kind: __typename }
  }
}`;
const INVALIDATIONS = `subscription ($filter: InvalidationFilter) {
  stream: invalidations(platform: "Platform:demo", filter: $filter) { events { sequence descriptor } }
}`;

/** The next batch over a WebSocket. */
async function next(client: WsClient): Promise<Batch> {
  const message = await client.messages.next();
  if (message.type !== 'next') throw new Error(JSON.stringify(message));
  return (message.payload as { data: { stream: Batch } }).data.stream;
}

describe('streams over WebSocket', () => {
  test('a fault arrives with its number, source and reason', async () => {
    const client = await WsClient.connect(api.url);
    client.subscribe('1', FAULTS);
    await client.settled();
    await fault();
    const batch = await next(client);
    expect(batch.events).toMatchObject([
      { sourceId: '0000:16:00.0', reason: { hex: expect.stringMatching(/^0x/) } },
    ]);
    await client.close();
  });

  test('sequence numbers of all events run without a hole', async () => {
    const client = await WsClient.connect(api.url);
    client.subscribe('1', EVENTS);
    await client.settled();
    const before = await position();
    await fault();
    await fault(DISK);
    const last = await position();
    const seen: number[] = [];
    while (seen.length < last - before)
      seen.push(...(await next(client)).events.map(({ sequence }) => sequence));
    expect(seen).toEqual(Array.from({ length: last - before }, (_, index) => before + 1 + index));
    await client.close();
  });

  test('after a cursor come the events that follow it, then live ones, with nothing twice at the seam', async () => {
    const { platform } = await api.ask<{ platform: { events: { nodes: { cursor: string }[] } } }>(
      `{ platform(name: "demo") { events(first: 5) { nodes { cursor } } } }`,
    );
    const client = await WsClient.connect(api.url);
    client.subscribe('1', EVENTS, { after: platform.events.nodes[4].cursor });
    const seen: number[] = [];
    const replayed = await position();
    while (seen.at(-1) !== replayed)
      seen.push(...(await next(client)).events.map(({ sequence }) => sequence));
    await fault();
    const last = await position();
    while (seen.at(-1) !== last) seen.push(...(await next(client)).events.map(({ sequence }) => sequence));
    expect(seen).toEqual(Array.from({ length: last - 5 }, (_, index) => index + 6));
    await client.close();
  });

  test('a stream resumed with the cursor of its last batch misses nothing', async () => {
    const first = await WsClient.connect(api.url);
    first.subscribe('1', FAULTS);
    await first.settled();
    await fault();
    const { cursor, events } = await next(first);
    await first.close();
    await fault();
    await fault(DISK);
    const second = await WsClient.connect(api.url);
    second.subscribe('1', FAULTS, { after: cursor });
    const resumed = (await next(second)).events;
    expect(resumed.map(({ sourceId }) => sourceId)).toEqual(['0000:16:00.0', '0000:28:00.0']);
    expect(resumed[0].sequence).toBeGreaterThan(events[0].sequence);
    await second.close();
  });

  test('a filter lets through what it names', async () => {
    const client = await WsClient.connect(api.url);
    client.subscribe('1', FAULTS, { filter: { device: '28:00.0' } });
    await client.settled();
    await fault();
    await fault(DISK);
    expect((await next(client)).events.map(({ sourceId }) => sourceId)).toEqual(['0000:28:00.0']);
    await client.close();
  });

  test('kinds of the events stream are those asked for', async () => {
    const client = await WsClient.connect(api.url);
    client.subscribe('1', EVENTS, { filter: { kinds: ['TOPOLOGY'] } });
    await client.settled();
    await fault();
    await api.ask(`mutation { allocDomain(input: { platform: "Platform:demo" }) { __typename } }`);
    const { events } = await next(client);
    expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(['TopologyEvent']));
    await client.close();
  });

  test('two streams on one socket do not disturb each other', async () => {
    const client = await WsClient.connect(api.url);
    client.subscribe('a', FAULTS, { filter: { device: '16:00.0' } });
    client.subscribe('b', FAULTS, { filter: { device: '28:00.0' } });
    await client.settled();
    await fault(DISK);
    await fault();
    const ids = [await client.messages.next(), await client.messages.next()].map(({ id }) => id);
    expect(ids).toEqual(['b', 'a']);
    await client.close();
  });

  test('invalidations of an attach are seen as they are executed', async () => {
    const client = await WsClient.connect(api.url);
    client.subscribe('1', INVALIDATIONS, { filter: { descriptors: ['PASID_CACHE'] } });
    await client.settled();
    const { allocDomain } = await api.ask<{ allocDomain: { domain: { id: string } } }>(
      `mutation { allocDomain(input: { platform: "Platform:demo" }) { ... on DomainPayload { domain { id } } } }`,
    );
    await api.ask(
      `mutation { attach(input: { domain: "${allocDomain.domain.id}", target: "${DISK}" }) { __typename } }`,
    );
    expect((await next(client)).events[0].descriptor).toBe('PASID_CACHE');
    await client.close();
  });

  test('deleting the platform completes its streams', async () => {
    await api.ask(
      `mutation { createPlatform(input: { name: "short-lived", template: "legacy-desktop" }) { __typename } }`,
    );
    const client = await WsClient.connect(api.url);
    client.subscribe('1', EVENTS.replace('Platform:demo', 'Platform:short-lived'));
    await client.settled();
    await api.ask(`mutation { deletePlatform(id: "Platform:short-lived") { __typename } }`);
    expect((await client.messages.next()).type).toBe('complete');
    await client.close();
  });
});

describe('streams over SSE', () => {
  test('a fault arrives, after the ones the cursor replays', async () => {
    await fault();
    const { platform } = await api.ask<{ platform: { events: { nodes: { cursor: string }[] } } }>(
      `{ platform(name: "demo") { events(last: 2, filter: { kinds: [FAULT] }) { nodes { cursor } } } }`,
    );
    const stream = await openSse(api.url, FAULTS, { after: platform.events.nodes[0].cursor });
    const replayed = (await stream.next())!.data as { data: { stream: Batch } };
    expect(replayed.data.stream.events).toHaveLength(1);
    await fault(NIC, '0x5000000000');
    const live = (await stream.next())!.data as { data: { stream: Batch } };
    expect(live.data.stream.events[0].sequence).toBeGreaterThan(replayed.data.stream.events[0].sequence);
    stream.abandon();
  });
});
