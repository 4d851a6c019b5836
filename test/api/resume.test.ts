import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, apiAt, startApi } from '../support/api.js';
import { type Fault, faultsAfter, makeFaults, newestCursor } from '../support/faults.js';
import { ServerProcess } from '../support/server/server-process.js';
import { type StreamClient, TRANSPORTS, openStream } from '../support/server/stream-client.js';

// Processes are started, which on a busy machine takes what it takes.
jest.setTimeout(60_000);

interface Batch {
  readonly cursor: string;
  readonly gap: { firstMissing: number; lastMissing: number; reason: string } | null;
  readonly events: Fault[];
}

const FAULTS = `subscription ($after: Cursor) {
  stream: faults(platform: "Platform:demo", after: $after) {
    cursor gap { firstMissing lastMissing reason } events { sequence address }
  }
}`;

/** The next batch; null when the stream has ended. */
async function nextBatch(stream: StreamClient): Promise<Batch | null> {
  const payload = await stream.next();
  if (payload?.errors !== undefined) throw new Error(JSON.stringify(payload.errors));
  return (payload?.data?.stream as Batch | undefined) ?? null;
}

describe.each(TRANSPORTS)('a stream over %s', (transport) => {
  const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-resume-'));
  const started: ServerProcess[] = [];
  let server: ServerProcess;
  let api: Api;
  const start = async (...flags: string[]) => {
    server = new ServerProcess(['serve', '--port', '0', '--data-dir', directory, ...flags]);
    started.push(server);
    api = apiAt(await server.url());
  };
  afterEach(() => Promise.all(started.splice(0).map((one) => one.kill('SIGKILL'))));
  afterAll(() => rmSync(directory, { recursive: true }));

  it('resumed after the server was killed in the middle of a storm repeats nothing and misses nothing', async () => {
    await start();
    const begin = await newestCursor(api);
    const got: Fault[] = [];
    let cursor = begin;
    const read = async (stream: StreamClient, until: (fault: Fault) => boolean) => {
      for (;;) {
        const batch = await nextBatch(stream);
        if (batch === null) return;
        expect(batch.gap).toBeNull();
        got.push(...batch.events);
        cursor = batch.cursor;
        if (batch.events.some(until)) return;
      }
    };
    const storm = Array.from({ length: 20 }, (_, n) => makeFaults(api, 10, n * 10).catch(() => undefined));
    const first = await openStream(api.url, transport, FAULTS, { after: begin });
    await read(first, () => got.length >= 50);
    await server.kill('SIGKILL');
    await Promise.all(storm);
    await read(first, () => false);

    await start();
    const second = await openStream(api.url, transport, FAULTS, { after: cursor });
    await makeFaults(api, 10, 1000);
    const expected = await faultsAfter(api, begin);
    await read(second, ({ sequence }) => sequence === expected.at(-1)!.sequence);
    second.kill();
    expect(expected.length).toBeGreaterThanOrEqual(60);
    expect(got).toEqual(expected);
    await server.kill('SIGTERM');
  });

  it('resumed behind what is kept is told which numbers are gone, the same after a restart', async () => {
    for (const restart of [1, 2]) {
      await start('--keep-events', '50');
      if (restart === 1) await makeFaults(api, 100);
      const { platform } = await api.ask<{
        platform: { lastSequence: number; events: { nodes: { sequence: number }[] } };
      }>(`{ platform(name: "demo") { lastSequence events(first: 1) { nodes { sequence } } } }`);
      const [{ sequence: oldest }] = platform.events.nodes;
      expect(platform.lastSequence - oldest).toBeLessThanOrEqual(55);
      const cursor = await newestCursor(api);
      const early = Buffer.from(cursor, 'base64url').toString().replace(/\d+$/, '7');
      const stream = await openStream(api.url, transport, FAULTS, {
        after: Buffer.from(early).toString('base64url'),
      });
      const { gap, events } = (await nextBatch(stream))!;
      expect(gap).toEqual({ firstMissing: 8, lastMissing: oldest - 1, reason: 'COMPACTED' });
      expect(events).toEqual(await faultsAfter(api, null));
      stream.kill();
      await server.kill('SIGKILL');
    }
  });
});

describe.each(TRANSPORTS)('over %s a cursor', (transport) => {
  let api: Api;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.stop());

  /** What the demo's newest cursor says, with one thing changed. */
  const altered = async (change: (text: string) => string) =>
    Buffer.from(change(Buffer.from(await newestCursor(api), 'base64url').toString())).toString('base64url');
  const again = async () => {
    const create = `mutation { createPlatform(input: { name: "again", template: "legacy-desktop" }) { ... on PlatformPayload { events { cursor } } } }`;
    const answer = await api.ask<{ createPlatform: { events: { cursor: string }[] } }>(create);
    return answer.createPlatform.events[0].cursor;
  };

  it.each([
    ['that is none', async () => 'nonsense'],
    ['with a number that is none', () => altered((text) => `${text}x`)],
    ['of another platform', () => altered((text) => text.replace('demo', 'other'))],
    ['that lies ahead', () => altered((text) => text.replace(/\d+$/, '999999999'))],
  ])('%s is refused with BAD_CURSOR', async (_what, make) => {
    const stream = await openStream(api.url, transport, FAULTS, { after: await make() });
    const { errors } = (await stream.next())!;
    // Without what only HTTP needs.
    expect(errors![0].extensions).toEqual({ code: 'BAD_CURSOR' });
    stream.kill();
  });

  it('of a platform that was deleted is refused by the next one of its name', async () => {
    const cursor = await again();
    await api.ask(`mutation { deletePlatform(id: "Platform:again") { __typename } }`);
    const other = await again();
    expect(other).not.toBe(cursor);
    const query = FAULTS.replace('Platform:demo', 'Platform:again');
    const stream = await openStream(api.url, transport, query, { after: cursor });
    expect((await stream.next())!.errors![0].extensions?.code).toBe('BAD_CURSOR');
    await api.ask(`mutation { deletePlatform(id: "Platform:again") { __typename } }`);
    stream.kill();
  });
});
