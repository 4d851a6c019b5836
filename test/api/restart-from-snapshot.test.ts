import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, apiAt } from '../support/api.js';
import { built } from '../support/built.js';
import { ServerProcess } from '../support/server/server-process.js';

const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-restart-snapshot-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const DEVICE = 'Device:demo/0000:6a:01.0';
/** A snapshot is due after 20,000 commands, and whole within 64 more for each of its pieces, here fewer than 60. */
const ENOUGH = 25_000;
const A_REQUEST = 250;

const STATE = `{
  platform(name: "demo") {
    id revision lastSequence createdAt
    iommuUnits { id domainIdsUsed registers { name value } caches(first: 1000) { kind sourceId domainIdTag pasid address target stale } }
    devices { nodes { id driver domain { id } group { id } contextEntry { words } } }
    domains { nodes { id type mappings { nodes { iova physical size access } } tableBytes } }
    events(last: 2000) { nodes { id cursor sequence revision recordedAt } }
    kernelLog(first: 2000) { nodes { sequence text } }
  }
}`;
const ANSWER = '{ __typename ... on DmaPayload { revision outcome data fault { id } events { id } } }';

async function start() {
  const server = new ServerProcess(['serve', '--port', '0', '--data-dir', directory]);
  return { server, api: apiAt(await server.url()) };
}

const keyed = (key: string, address: string) =>
  `mutation { dma(input: { endpoint: "${DEVICE}", address: "${address}", size: 8, idempotencyKey: "${key}" }) ${ANSWER} }`;

/** Mappings made and taken back, requests that hit and requests that fault; many requests at once. */
async function flood(api: Api, domain: string): Promise<void> {
  const one = (index: number) => {
    const iova = `0x${(0x1000000 + (index % 50) * 4096).toString(16)}`;
    switch (index % 4) {
      case 0:
        return `m${index}: map(input: { domain: "${domain}", iova: "${iova}", physical: "0x40000000", size: 4096 }) { __typename }`;
      case 1:
        return `m${index}: unmap(input: { domain: "${domain}", iova: "${iova}", size: 4096 }) { __typename }`;
      default:
        return `m${index}: dma(input: { endpoint: "${DEVICE}", address: "${iova}", access: WRITE, size: 8 }) { __typename }`;
    }
  };
  await Promise.all(
    Array.from({ length: ENOUGH / A_REQUEST }, (_, request) => {
      const commands = Array.from({ length: A_REQUEST }, (__, index) => one(request * A_REQUEST + index));
      return api.ask(`mutation { ${commands.join('\n')} }`);
    }),
  );
}

test('after kill -9 a server that goes on from a snapshot has the same revision, ids, state and answers to keys', async () => {
  const first = await start();
  const { api } = first;
  const { allocDomain } = await api.ask<{ allocDomain: { domain: { id: string } } }>(
    'mutation { allocDomain(input: { platform: "Platform:demo", bus: "pci" }) { ... on DomainPayload { domain { id } } } }',
  );
  const early = await api.ask(keyed('early', '0x900000'));
  await flood(api, allocDomain.domain.id);
  const late = await api.ask(keyed('late', '0x901000'));
  const before = await api.ask<{ platform: { revision: number } }>(STATE);
  expect(before.platform.revision).toBe(ENOUGH + 3);
  await first.server.kill('SIGKILL');

  const args = [built('main.js'), 'verify', '--data-dir', directory];
  const verdict = spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout;
  expect(verdict).toMatch(
    new RegExp(`^same demo commands ${ENOUGH + 3} events \\d+ sha256 \\S+ snapshot at 2\\d{4} same\\n$`),
  );

  const second = await start();
  expect(await second.api.ask(STATE)).toEqual(before);
  expect(await second.api.ask(keyed('early', '0x900000'))).toEqual(early);
  expect(await second.api.ask(keyed('late', '0x901000'))).toEqual(late);
  const other = await second.api.ask<{ dma: { __typename: string } }>(keyed('early', '0x902000'));
  expect(other.dma.__typename).toBe('ConflictError');
  expect(await second.api.ask(STATE)).toEqual(before);
  const { code, stderr } = await second.server.kill('SIGTERM');
  expect(code).toBe(0);
  // It did not complain of the one it began with.
  expect(stderr).not.toMatch(/napshot/);
}, 120_000);
