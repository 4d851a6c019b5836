import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, apiAt } from '../support/api.js';
import { ServerProcess } from '../support/server/server-process.js';
import { type Message, WsClient } from '../support/server/ws-client.js';

jest.setTimeout(60_000);

const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-many-'));
let server: ServerProcess;
let api: Api;

async function start(): Promise<void> {
  server = new ServerProcess(['serve', '--port', '0', '--data-dir', directory]);
  api = apiAt(await server.url());
}
beforeAll(start);
afterAll(async () => {
  await server.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** Boots a small machine. */
const create = (name: string) =>
  api.ask(
    `mutation { createPlatform(input: { name: "${name}", template: "legacy-desktop" }) { ... on PlatformPayload { revision } } }`,
  );

async function allocDomain(platform: string): Promise<string> {
  const { allocDomain: made } = await api.ask<{ allocDomain: { domain: { id: string } } }>(
    `mutation { allocDomain(input: { platform: "Platform:${platform}" }) { ... on DomainPayload { domain { id } } } }`,
  );
  return made.domain.id;
}

describe('one platform is kept busy', () => {
  const GIB = 2 ** 30;
  let domain: string;
  beforeAll(async () => {
    await create('heavy');
    await create('light');
    domain = await allocDomain('heavy');
  });

  /** Maps 4 GiB where no large page fits, which takes 1,048,576 entries, and unmaps it again. */
  async function mapAndUnmap(index: number): Promise<void> {
    const range = `domain: "${domain}", iova: ${(4 + 4 * index) * GIB}, size: "4G"`;
    const { map } = await api.ask<{ map: object }>(
      `mutation { map(input: { ${range}, physical: "0x1000" }) { ... on MapPayload { pages { pageSize count } } }
                  unmap(input: { ${range} }) { __typename } }`,
    );
    expect(map).toEqual({ pages: [{ pageSize: '4096', count: 2 ** 20 }] });
  }

  test('another is asked and commanded meanwhile, and never sees half a command', async () => {
    const seen: { heavy: number; light: number; mapped: number }[] = [];
    const isEnough = () => seen.length >= 8 && seen.at(-1)!.heavy >= 9;
    const heavy = [0, 1, 2, 3].map(async (index) => {
      while (!isEnough()) await mapAndUnmap(index);
    });
    const light = async () => {
      while (!isEnough()) {
        await allocDomain('light');
        const answer = await api.ask<Seen>(
          `{ light: platform(name: "light") { revision } heavy: platform(name: "heavy") { revision }
             domain: node(id: "${domain}") { ... on Domain { mappedBytes } } }`,
        );
        const mapped = Number(answer.domain.mappedBytes);
        seen.push({ heavy: answer.heavy.revision, light: answer.light.revision, mapped });
      }
    };
    await Promise.all([light(), ...heavy]);
    expect(seen.map(({ light: revision }) => revision)).toEqual(seen.map((_, index) => index + 1));
    expect(seen.filter(({ mapped }) => mapped % (4 * GIB) !== 0)).toEqual([]);
    await api.ask('mutation { deletePlatform(id: "Platform:heavy") { __typename } }');
    expect(await api.ask('{ platforms { nodes { name } } }')).toMatchObject({
      platforms: { nodes: [{ name: 'demo' }, { name: 'light' }] },
    });
  });
});

describe('two platforms of one make', () => {
  const STATE =
    'revision lastSequence domains { nodes { id } } kernelLog(last: 100) { nodes { text } } events(last: 100) { nodes { id sequence revision } }';
  const stateOf = async (name: string) =>
    (await api.ask<{ platform: object }>(`{ platform(name: "${name}") { ${STATE} } }`)).platform;
  const nodeOf = async (id: string) =>
    (await api.ask<{ node: object | null }>(`{ node(id: "${id}") { id } }`)).node;
  /** A request nobody mapped anything for. */
  const fault = (name: string) =>
    api.ask(
      `mutation { dma(input: { endpoint: "Device:${name}/0000:01:00.0", address: "0x123456789000" }) { ... on DmaPayload { revision outcome } } }`,
    );

  test('what is done to one leaves ids, log and events of the other as they were, and is not in its stream', async () => {
    await create('one');
    await create('two');
    const before = await stateOf('two');
    expect(JSON.stringify(await stateOf('one'))).toBe(JSON.stringify(before).replaceAll(':two/', ':one/'));
    const client = await WsClient.connect(api.url);
    client.subscribe(
      '1',
      'subscription { stream: events(platform: "Platform:two") { events { id sequence revision } } }',
    );
    // Answered only when the subscription before it on the same socket stands.
    client.subscribe('2', '{ platform(name: "two") { revision } }');
    expect(await client.messages.next()).toMatchObject({ id: '2', type: 'next' });

    const domain = await allocDomain('one');
    expect(await fault('one')).toEqual({ dma: { revision: 2, outcome: 'FAULTED' } });
    expect(await stateOf('two')).toEqual(before);
    expect(await nodeOf(domain)).toEqual({ id: domain });
    expect(await nodeOf(domain.replace(':one/', ':two/'))).toBeNull();

    expect(await fault('two')).toEqual({ dma: { revision: 1, outcome: 'FAULTED' } });
    const batch = await client.messages.next();
    const events = eventsOf(batch.type === 'complete' ? await client.messages.next() : batch);
    const first = (before as { lastSequence: number }).lastSequence + 1;
    expect(events).toEqual(
      events.map((_, index) => ({ id: `Event:two/${first + index}`, sequence: first + index, revision: 1 })),
    );
    expect(events).not.toEqual([]);
    await client.close();
  });

  test('one is deleted and made anew, also over a restart: it begins again, and the other goes on', async () => {
    const two = await stateOf('two');
    await api.ask('mutation { deletePlatform(id: "Platform:one") { __typename } }');
    expect(await nodeOf('Platform:one')).toBeNull();
    expect(await stateOf('two')).toEqual(two);
    await create('one');
    const fresh = await stateOf('one');
    expect(fresh).toMatchObject({ revision: 0 });
    await server.kill('SIGKILL');
    await start();
    expect([await stateOf('one'), await stateOf('two')]).toEqual([fresh, two]);
  });
});

const eventsOf = ({ payload }: Message) =>
  (payload as { data: { stream: { events: object[] } } }).data.stream.events;

interface Seen {
  readonly light: { readonly revision: number };
  readonly heavy: { readonly revision: number };
  readonly domain: { readonly mappedBytes: string };
}
