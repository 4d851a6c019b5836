import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram, ServerProcess } from '../support/server/server-process.js';
import { openSse } from '../support/server/sse-client.js';
import { WsClient } from '../support/server/ws-client.js';

// Every case starts processes, which on a busy machine takes what it takes.
jest.setTimeout(60_000);

let directory: string;
const started: ServerProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-serve-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill('SIGKILL')));
  rmSync(directory, { recursive: true });
});

function serve(...args: string[]): ServerProcess {
  const server = new ServerProcess(['serve', '--port', '0', '--data-dir', join(directory, 'data'), ...args]);
  started.push(server);
  return server;
}

async function query(url: string, text: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text }),
  });
  return (await response.json()) as Record<string, unknown>;
}

const PLATFORMS = '{ platforms { nodes { id name } } }';
const DEMO_ONLY = { data: { platforms: { nodes: [{ id: 'Platform:demo', name: 'demo' }] } } };

describe('the program', () => {
  it.each([
    [['serve', '--speed', '9'], "error: unknown option '--speed'"],
    [['server'], "error: unknown command 'server'"],
    [['serve', 'now'], "error: too many arguments for 'serve'. Expected 0 arguments but got 1."],
    [
      ['serve', '--port', '65536'],
      /^error: option '--port <number>' argument '65536' is invalid\. A port is/,
    ],
    [['serve', '--port', '80a'], /^error: option '--port <number>' argument '80a' is invalid\. A port is/],
    [
      ['serve', '--sync', 'perhaps'],
      /^error: option '--sync <kind>' argument 'perhaps' is invalid\. Allowed choices are full, relaxed\.$/,
    ],
    [
      ['serve', '--log', 'paper'],
      /^error: option '--log <kind>' argument 'paper' is invalid\. Allowed choices/,
    ],
    [
      ['serve', '--log', 'memory', '--port', '0', '--host', '192.0.2.1'],
      'error: 192.0.2.1 is not an address of this machine.',
    ],
    [
      ['serve', '--port', '0', '--data-dir', '/proc/data'],
      /^error: The data directory \/proc\/data cannot be written/,
    ],
    [
      ['serve', '--port', '0', '--data-dir', '/dev/null'],
      /^error: The data directory \/dev\/null cannot be written/,
    ],
  ])('answers %j with one line and a failure', async (args, line) => {
    const { code, stdout, stderr } = await runProgram(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.trimEnd().split('\n')).toEqual([
      typeof line === 'string' ? line : expect.stringMatching(line),
    ]);
  });

  it('answers a port in use with one line and a failure, and leaves the data alone', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const data = join(directory, 'data');
    const refused = await runProgram('serve', '--port', String(port), '--data-dir', data);
    expect([refused.code, refused.stderr]).toEqual([1, `error: Port ${port} on 127.0.0.1 is in use.\n`]);
    other.close();
    const url = await serve().url();
    expect(await query(url, PLATFORMS)).toEqual(DEMO_ONLY);
  });

  it('answers a directory that another server has, or that holds something else', async () => {
    await serve().url();
    const second = await runProgram('serve', '--port', '0', '--data-dir', join(directory, 'data'));
    expect([second.code, second.stderr]).toEqual([
      1,
      `error: The data directory ${join(directory, 'data')} is in use by another server.\n`,
    ]);
    writeFileSync(join(directory, 'notes.txt'), '');
    const foreign = await runProgram('serve', '--port', '0', '--data-dir', directory);
    expect(foreign.code).toBe(1);
    expect(foreign.stderr).toMatch(/^error: The data directory .* holds something else/);
    expect(foreign.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('prints the schema that is committed (npm run schema writes it)', async () => {
    const { code, stdout } = await runProgram('schema');
    expect(code).toBe(0);
    // Compared first: the difference of two schemas is too long to read.
    expect(stdout === readFileSync(join(__dirname, '../../schema/schema.graphql'), 'utf8')).toBe(true);
  });
});

describe('the server', () => {
  it('boots the demo on an empty directory, says where it is, and is ready', async () => {
    const url = await serve().url();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/graphql$/);
    expect(await query(url, PLATFORMS)).toEqual(DEMO_ONLY);
    expect((await fetch(new URL('/health/ready', url))).status).toBe(200);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends on %s: sockets closed with 1001, streams ended',
    async (signal) => {
      const server = serve('--log', 'memory');
      const url = await server.url();
      const client = await WsClient.connect(url);
      client.subscribe('a', 'subscription { events(platform: "Platform:demo") { cursor } }');
      const stream = await openSse(url, 'subscription { faults(platform: "Platform:demo") { cursor } }');
      await client.settled();
      const before = Date.now();
      const { code, stderr } = await server.kill(signal);
      expect(code).toBe(0);
      expect(Date.now() - before).toBeLessThan(5000);
      expect(await client.closed).toMatchObject({ code: 1001 });
      expect(await stream.next()).toBeNull();
      for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 30 });
    },
  );

  it('has after a kill -9 what it acknowledged before, under the same ids', async () => {
    const first = serve();
    const url = await first.url();
    const create = (name: string) =>
      query(
        url,
        `mutation { createPlatform(input: { name: "${name}", template: "legacy-desktop" }) { __typename } }`,
      );
    const outcomes = await Promise.all(['a', 'b', 'c'].map(create));
    for (const outcome of outcomes) expect(outcome).not.toHaveProperty('errors');
    const before = await query(url, PLATFORMS);
    await first.kill('SIGKILL');
    const again = await serve().url();
    expect(await query(again, PLATFORMS)).toEqual(before);
    expect(before).toMatchObject({ data: { platforms: { nodes: { length: 4 } } } });
  });
});
