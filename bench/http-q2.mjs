import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manyDevices } from './many-devices.mjs';
import { Load, Server } from './processes.mjs';
import { median, printRows, ratioText, spreadText, time, verdict } from './table.mjs';

const ROUNDS = 7;
const CONNECTIONS = 8;
const REQUESTS = 1500;
/** Yoga looks several times worse before the compiler has seen about 10,000 requests. */
const WARM_UP = 10_000;
const DEVICES = 100;

const QUERY = `query Devices($platform: String!, $first: Int!) {
  platform(name: $platform) {
    devices(first: $first) {
      nodes { id name address deviceId className driver }
    }
  }
}`;
const IMPORT = `mutation Import($input: ImportPlatformInput!) {
  importPlatform(input: $input) { __typename }
}`;

/** 100 devices with 6 fields each over 8 connections: CPU of the server per request. */
export async function httpQ2() {
  const variables = { platform: 'many', first: DEVICES };
  const body = JSON.stringify({ query: QUERY, variables });
  const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-bench-'));
  const started = [];
  const start = async (starting) => {
    const one = await starting;
    started.push(one);
    return one;
  };
  try {
    const real = await start(Server.startReal());
    const yoga = await start(Server.start(new URL('peers/default-yoga.mjs', import.meta.url)));
    for (const server of [real, yoga]) await importMachine(server);
    const data = await real.graphql(QUERY, variables);
    assert.equal(data.platform.devices.nodes.length, DEVICES);
    assert.ok(data.platform.devices.nodes.every((device) => Object.keys(device).length === 6));
    const answer = join(directory, 'answer.json');
    writeFileSync(answer, JSON.stringify({ data }));
    const limit = await start(Server.start(new URL('peers/ready-object.mjs', import.meta.url), [answer]));
    for (const server of [limit, yoga]) assert.deepEqual(await server.graphql(QUERY, variables), data);

    const load = await start(new Load(new URL('load/http-load.mjs', import.meta.url)));
    const run = (server, requests) => load.run({ url: server.url, body, connections: CONNECTIONS, requests });
    const candidates = { real, yoga, limit };
    for (const server of Object.values(candidates)) await run(server, WARM_UP);
    const costs = { real: [], yoga: [], limit: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, server] of Object.entries(candidates)) {
        const { microseconds, result } = await server.cpuDuring(() => run(server, REQUESTS));
        costs[name].push(microseconds / result.requests);
      }
    }
    print(costs, JSON.stringify({ data }).length);
  } finally {
    for (const one of started.reverse()) await one.stop();
    rmSync(directory, { recursive: true });
  }
}

async function importMachine(server) {
  const { importPlatform } = await server.graphql(IMPORT, { input: { name: 'many', pci: manyDevices() } });
  assert.equal(importPlatform.__typename, 'PlatformPayload');
}

function print({ real, yoga, limit }, bytes) {
  const toLimit = median(real) / median(limit);
  const toYoga = median(real) / median(yoga);
  const row = (name, costs, target) => [
    name,
    time(median(costs) * 1000),
    ratioText(median(costs) / median(limit)),
    spreadText(costs, limit),
    target,
  ];
  printRows(
    `http-q2: ${DEVICES} devices x 6 fields, ${CONNECTIONS} connections, ${bytes} bytes, ${ROUNDS} rounds of ${REQUESTS} requests`,
    ['server', 'CPU/request', 'to limit', 'rounds', 'target'],
    [
      row('limit: node:http, JSON.stringify of a ready object', limit, ''),
      row('iommu-graph', real, `<= 1.3 ${verdict(toLimit, 1.3)}`),
      row('yoga as it comes, same schema', yoga, ''),
    ],
  );
  console.log(
    `iommu-graph to yoga as it comes: ${ratioText(toYoga)}, target <= 0.25 ${verdict(toYoga, 0.25)}`,
  );
}
