import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiAt } from '../support/api.js';
import { built } from '../support/built.js';
import { ServerProcess } from '../support/server/server-process.js';

const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-past-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const STATE =
  'revision lastSequence domains { nodes { id type mappings { nodes { iova physical size } } } } events(last: 200) { nodes { id revision recordedAt } }';

async function start() {
  const server = new ServerProcess(['serve', '--port', '0', '--data-dir', directory]);
  return { server, api: apiAt(await server.url()) };
}

const ALLOC = `mutation { allocDomain(input: { platform: "Platform:demo", idempotencyKey: "one" }) {
  __typename ... on DomainPayload { revision domain { id } events { id } }
} }`;

test('forks, the past and keys are there after kill -9, and verify agrees with itself', async () => {
  const first = await start();
  const allocated = await first.api.ask<{ allocDomain: { domain: { id: string } } }>(ALLOC);
  const domain = allocated.allocDomain.domain.id;
  const map = (api: typeof first.api, iova: string) =>
    api.ask(
      `mutation { map(input: { domain: "${domain}", iova: "${iova}", physical: 0, size: "2M" }) { __typename } }`,
    );
  await map(first.api, '0x200000');
  const then = await first.api.ask<{ platform: object }>(`{ platform(name: "demo") { ${STATE} } }`);
  const { forkPlatform } = await first.api.ask<{ forkPlatform: { platform: object } }>(
    `mutation { forkPlatform(input: { platform: "Platform:demo", name: "before" }) {
      ... on PlatformPayload { revision platform { id origin ${STATE} } } } }`,
  );
  expect(forkPlatform).toMatchObject({ revision: 2, platform: { id: 'Platform:before', origin: 'FORKED' } });
  await map(first.api, '0x400000');
  await first.server.kill('SIGKILL');

  const second = await start();
  expect(await second.api.ask(ALLOC)).toEqual(allocated);
  const past = await second.api.ask<{ platform: { revision: number; at: object } }>(
    `{ platform(name: "demo") { revision at(revision: 2) { ${STATE} } } }`,
  );
  expect(past.platform).toEqual({ revision: 3, at: then.platform });
  const fork = await second.api.ask<{ platform: object }>(
    `{ platform(name: "before") { id origin ${STATE} } }`,
  );
  expect(fork.platform).toEqual(forkPlatform.platform);
  expect(JSON.stringify(fork.platform).replaceAll(':before/', ':demo/')).toContain(
    JSON.stringify(then.platform).slice(1, -1),
  );
  await second.server.kill('SIGTERM');

  const verify = spawnSync(process.execPath, [built('main.js'), 'verify', '--data-dir', directory], {
    encoding: 'utf8',
  });
  expect([verify.status, verify.stderr]).toEqual([0, '']);
  expect(verify.stdout).toMatch(/^same before commands 2 .*\nsame demo commands 3 .*\n$/);
}, 60_000);
