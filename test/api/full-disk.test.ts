import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiAt } from '../support/api.js';
import { ServerProcess } from '../support/server/server-process.js';

const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-full-disk-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const canLimit = spawnSync('prlimit', ['--version']).status === 0;
if (!canLimit) console.warn('prlimit is not installed: a server with a full disk is not tested');

const data = Buffer.alloc(256 * 1024, 'full').toString('base64');
/** A command that takes room; that the request faults is of no matter here. */
const WRITE = `mutation { dma(input: { endpoint: "Device:demo/0000:6a:01.0", address: "0x1000", size: 262144, access: WRITE, data: "${data}" }) { __typename ... on Error { message } } }`;
const STATE = '{ platforms { nodes { name revision lastSequence domains { nodes { id } } } } }';

const started: ServerProcess[] = [];
afterEach(() => Promise.all(started.map((server) => server.kill('SIGKILL'))));

async function start() {
  const server = new ServerProcess(['serve', '--port', '0', '--data-dir', directory]);
  started.push(server);
  return { server, api: apiAt(await server.url()) };
}

(canLimit ? test : test.skip)(
  'a server whose disk is full refuses each mutation by name, answers queries, and goes on when there is room',
  async () => {
    const { server, api } = await start();
    const limit = (bytes: string) =>
      execFileSync('prlimit', [`--pid=${server.child.pid}`, `--fsize=${bytes}:unlimited`]);
    await api.ask(WRITE);
    await api.ask(
      'mutation { createPlatform(input: { name: "spare", template: "legacy-desktop" }) { __typename } }',
    );
    limit(String(statSync(join(directory, 'log.mdb')).size));

    // There may be room for some more; from then on every kind of mutation meets the same.
    const refused = { __typename: 'NotStoredError', message: expect.stringContaining('file too large') };
    let kept = 1;
    for (;;) {
      const { dma } = await api.ask<{ dma: { __typename: string } }>(WRITE);
      if (dma.__typename !== 'DmaPayload') {
        expect(dma).toEqual(refused);
        break;
      }
      kept++;
    }
    const many = await Promise.all(Array.from({ length: 10 }, () => api.ask<{ dma: object }>(WRITE)));
    for (const { dma } of many) expect(dma).toEqual(refused);
    const before = await api.ask(STATE);
    // A fork copies what did not fit once more.
    expect(
      await api.ask(
        'mutation { forkPlatform(input: { platform: "Platform:demo", name: "fork" }) { __typename ... on Error { message } } }',
      ),
    ).toEqual({ forkPlatform: refused });
    expect(await api.ask(STATE)).toEqual(before);

    limit('unlimited');
    expect(
      await api.ask(`mutation {
        allocDomain(input: { platform: "Platform:demo", bus: "pci" }) { __typename }
        forkPlatform(input: { platform: "Platform:demo", name: "fork" }) { __typename }
        deletePlatform(id: "Platform:spare") { __typename }
      }`),
    ).toEqual({
      allocDomain: { __typename: 'DomainPayload' },
      forkPlatform: { __typename: 'PlatformPayload' },
      deletePlatform: { __typename: 'DeletePlatformPayload' },
    });
    const after = await api.ask<{ platforms: { nodes: { name: string; revision: number }[] } }>(STATE);
    expect(after.platforms.nodes.map(({ name, revision }) => [name, revision])).toEqual([
      ['demo', kept + 1],
      ['fork', kept + 1],
    ]);
    await server.kill('SIGKILL');

    const second = await start();
    expect(await second.api.ask(STATE)).toEqual(after);
    await second.server.kill('SIGTERM');
  },
  60_000,
);
