import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiAt } from '../support/api.js';
import { ServerProcess } from '../support/server/server-process.js';

const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-restart-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const PARENT = 'Device:demo/0000:6a:01.0';
const SUBDEVICE = 'Subdevice:demo/4b20d080-1b54-4048-85b3-a6a62d165c99';

/** Everything a client can see of the platform that a restart must not change. */
const STATE = `{
  platform(name: "demo") {
    id revision lastSequence createdAt
    kernel { commandLine scalableMode subdeviceOps }
    iommuUnits { id domainIdsUsed rootTableAddress registers { name value } caches(first: 1000) { kind sourceId domainIdTag pasid address target stale } faultRecords { low high } invalidationQueue { head tail } }
    devices { nodes { id driver domain { id } group { id } features { feature enabled } contextEntry { words } pasidTable { pasid entry { words } } pasidAttachments { pasid domainIdTag } } }
    subdevices { nodes { id pasid group { id } domain { id } attachment { kind domainIdTag } } }
    groups { nodes { id members { id } domain { id } } }
    domains { nodes { id type mappings { nodes { iova physical size access } } tableBytes } }
    events(last: 10000) { nodes { id cursor sequence revision recordedAt } }
    kernelLog(first: 10000) { nodes { sequence text } }
  }
}`;

async function start() {
  const server = new ServerProcess(['serve', '--port', '0', '--data-dir', directory]);
  return { server, api: apiAt(await server.url()) };
}

test('after kill -9 every acknowledged command is there, with the same ids, tables, caches and events', async () => {
  const first = await start();
  const { api } = first;
  await api.ask(`mutation { enableFeature(input: { device: "${PARENT}", feature: AUX }) { __typename } }`);
  await api.ask(
    `mutation { createMdev(input: { parent: "${PARENT}", type: "idxd-1dwq-v1", uuid: "${SUBDEVICE.split('/')[1]}" }) { __typename } }`,
  );
  const { allocDomain } = await api.ask<{ allocDomain: { domain: { id: string } } }>(
    `mutation { allocDomain(input: { platform: "Platform:demo", bus: "mdev" }) { ... on DomainPayload { domain { id } } } }`,
  );
  const domain = allocDomain.domain.id;
  await api.ask(`mutation {
    attach(input: { domain: "${domain}", target: "${SUBDEVICE}" }) { __typename }
    map(input: { domain: "${domain}", iova: "0x200000", physical: "0x140000000", size: "2M" }) { __typename }
    hit: dma(input: { endpoint: "${SUBDEVICE}", address: "0x200000", access: WRITE, data: "c3Vydml2ZXM=" }) { __typename }
    miss: dma(input: { endpoint: "${SUBDEVICE}", address: "0x900000" }) { __typename }
    refused: map(input: { domain: "${domain}", iova: "0x1001", physical: 0, size: 4096 }) { __typename }
  }`);
  // Many at once share commits; each is answered only when it is durable.
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      api.ask(
        `mutation { map(input: { domain: "${domain}", iova: "0x${(0x10000000 + index * 4096).toString(16)}", physical: 0, size: 4096 }) { __typename } }`,
      ),
    ),
  );
  const before = await api.ask<{ platform: { revision: number } }>(STATE);
  expect(before.platform.revision).toBe(48);
  await first.server.kill('SIGKILL');

  const second = await start();
  expect(await second.api.ask(STATE)).toEqual(before);
  const { node } = await second.api.ask<{ node: { sequence: number } }>(
    `{ node(id: "Event:demo/600") { ... on Event { sequence } } }`,
  );
  expect(node).toEqual({ sequence: 600 });
  await second.api.ask(
    `mutation { unmap(input: { domain: "${domain}", iova: "0x200000", size: "2M" }) { __typename } }`,
  );
  const exit = await second.server.kill('SIGTERM');
  expect(exit).toMatchObject({ code: 0, signal: null });
}, 30_000);
