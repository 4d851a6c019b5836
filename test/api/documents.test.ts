import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse, validate } from 'graphql';
import { buildSchema, printSdl } from '../../src/graphql/schema.js';
import { readGraphiqlTabs } from '../../src/server/graphiql-tabs.js';
import { type Api, OPERATIONS, startApi } from '../support/api.js';
import { WsClient } from '../support/server/ws-client.js';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const document = (name: string) => readFileSync(join(OPERATIONS, name), 'utf8');

/** Runs one operation of a document with several. */
async function run(name: string, operationName: string, variables: object = {}) {
  const response = await fetch(api.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: document(name), operationName, variables }),
  });
  const { data, errors } = (await response.json()) as { data: Record<string, Result>; errors?: object[] };
  expect(errors).toBeUndefined();
  return data;
}

interface Result {
  readonly __typename?: string;
  readonly message?: string;
  readonly domain?: { id: string };
  readonly outcome?: string;
  readonly fault?: { reason: { hex: string } };
  readonly parents?: object;
}

test('the committed SDL is the one the code prints', () => {
  expect(readFileSync(join(__dirname, '..', '..', 'schema', 'schema.graphql'), 'utf8')).toBe(printSdl());
});

test.each(readdirSync(OPERATIONS).filter((name) => name.endsWith('.graphql')))(
  '%s is valid against the schema',
  (name) => {
    expect(validate(buildSchema(), parse(document(name)))).toEqual([]);
  },
);

test('GraphiQL opens with four tabs', () => {
  expect(readGraphiqlTabs(OPERATIONS)).toHaveLength(4);
});

test('the tab with scenes plays one and explains its fault', async () => {
  const { scenes } = await run('play-a-scene.graphql', 'Scenes');
  expect((scenes as unknown as object[]).length).toBeGreaterThanOrEqual(15);
  const { playScene } = await run('play-a-scene.graphql', 'Play');
  const { explainFault } = await run('play-a-scene.graphql', 'Explain', {
    fault: (playScene.fault as unknown as { id: string }).id,
  });
  const { hypotheses } = explainFault as unknown as { hypotheses: { code: string }[] };
  expect(hypotheses[0].code).toBe('USE_AFTER_UNMAP');
});

test('the starter documents work in the order a newcomer runs them', async () => {
  const watcher = await WsClient.connect(api.url);
  watcher.subscribe('1', document('watch-faults.graphql'));
  await watcher.settled();

  const { platform } = await run('look-around.graphql', 'LookAround');
  expect((platform as unknown as { parents: { nodes: object[] } }).parents.nodes).toHaveLength(2);

  const prepared = await run('create-attach-map-dma.graphql', 'Prepare');
  for (const result of Object.values(prepared)) expect(result.message).toBeUndefined();
  const domain = prepared.allocDomain.domain!.id;

  const done = await run('create-attach-map-dma.graphql', 'AttachMapDma', { domain });
  expect(done.mapped.outcome).toBe('COMPLETED');
  expect(done.notMapped.fault!.reason.hex).toBe('0x79');
  const seen = (await watcher.messages.next()).payload as {
    data: { faults: { events: { pasid: number }[] } };
  };
  expect(seen.data.faults.events).toMatchObject([{ pasid: 1, reason: { hex: '0x79' } }]);

  const down = await run('create-attach-map-dma.graphql', 'TakeDown', { domain });
  for (const result of Object.values(down)) expect(result.message).toBeUndefined();
  await watcher.close();
});
