import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Api, apiAt } from '../support/api.js';
import { ServerProcess } from '../support/server/server-process.js';
import { type Transport, TRANSPORTS, openStream } from '../support/server/stream-client.js';

/**
 * A minute with the tests; SOAK_MINUTES=10 is the long form. It is a matter of time and not of work: 10 cycles
 * a second, so that the short form ends before the first checkpoint. The long form has some, and they are kept on
 * purpose (src/platform/checkpoints.ts): what each may cost is taken off.
 */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 1);
const CYCLES_PER_SECOND = 10;
const SAMPLES = 20;
const COMMANDS_A_CHECKPOINT = 8192;
const BYTES_A_CHECKPOINT = 2.5 * 1024 * 1024;

jest.setTimeout((MINUTES + 2) * 60_000);

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

interface Sample {
  readonly memory: Memory;
  readonly revision: number;
}

const PARENT = 'Device:demo/0000:6a:01.0';
const UUID = '4b20d080-1b54-4048-85b3-a6a62d165001';
const EVENTS = `subscription ($filter: EventFilter) {
  stream: events(platform: "Platform:demo", filter: $filter) { cursor gap { lastMissing } events { id __typename } } }`;

const SUBDEVICE = `Subdevice:demo/${UUID}`;
const MAKE = `mutation {
  createMdev(input: { parent: "${PARENT}", type: "idxd-1dwq-v1", uuid: "${UUID}" }) { __typename }
  allocDomain(input: { platform: "Platform:demo", bus: "mdev" }) { ... on DomainPayload { domain { id } } } }`;
const USE = `mutation ($domain: ID!) {
  a: attach(input: { domain: $domain, target: "${SUBDEVICE}" }) { __typename }
  b: map(input: { domain: $domain, iova: "0x200000", physical: "0x140000000", size: "2M", access: [READ, WRITE] }) { __typename }
  c: map(input: { domain: $domain, iova: "0x600000", physical: "0x150000000", size: "64K", access: [READ] }) { __typename }
  d: dma(input: { endpoint: "${SUBDEVICE}", address: "0x200000", access: WRITE, data: "c29haw==" }) { __typename }
  e: dma(input: { endpoint: "${SUBDEVICE}", address: "0x900000" }) { __typename }
  f: unmap(input: { domain: $domain, iova: "0x200000", size: "2M" }) { __typename }
  g: detach(input: { domain: $domain, target: "${SUBDEVICE}" }) { __typename }
  h: removeMdev(input: { subdevice: "${SUBDEVICE}" }) { __typename }
  i: freeDomain(input: { domain: $domain }) { __typename } }`;
const LOOK = `{ platform(name: "demo") { devices(first: 20) { nodes { id driver group { id } domain { id } } }
  events(last: 20) { nodes { id cursor } } findings { code } } }`;

/** A subdevice from its making to its end, with memory mapped, used, missed and unmapped. */
async function life(api: Api): Promise<void> {
  const { allocDomain } = await api.ask<{ allocDomain: { domain: { id: string } } }>(MAKE);
  const answers = await api.ask<Record<string, { __typename: string }>>(USE, {
    domain: allocDomain.domain.id,
  });
  for (const { __typename } of Object.values(answers)) expect(__typename).toMatch(/Payload$/);
  await api.ask(LOOK);
}

async function revisionOf(api: Api): Promise<number> {
  const { platform } = await api.ask<{ platform: { revision: number } }>(
    '{ platform(name: "demo") { revision } }',
  );
  return platform.revision;
}

/** A visitor that reads one message and goes away, more or less politely. */
async function visit(url: string, transport: Transport): Promise<void> {
  const stream = await openStream(url, transport, EVENTS, { filter: { kinds: ['FAULT'] } });
  expect((await stream.next())?.data).toBeDefined();
  stream.kill();
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const megabytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);

it(`${MINUTES} min of mixed load, streams that stay and streams that come and go, leave memory as it was`, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-soak-'));
  const meter = pathToFileURL(join(__dirname, '../support/server/memory-meter.mjs')).href;
  const server = new ServerProcess(
    ['serve', '--port', '0', '--data-dir', directory, '--sync', 'relaxed', '--keep-events', '1000'],
    ['--expose-gc', '--import', meter],
  );
  try {
    const url = await server.url();
    const api = apiAt(url);
    await api.ask(`mutation { enableFeature(input: { device: "${PARENT}", feature: AUX }) { __typename } }`);
    let messages = 0;
    const stay = async (transport: Transport, filter: object) => {
      const stream = await openStream(url, transport, EVENTS, { filter });
      while ((await stream.next()) !== null) messages++;
    };
    const staying = TRANSPORTS.flatMap((transport) => [
      stay(transport, {}),
      stay(transport, { kinds: ['INVALIDATION'] }),
    ]);
    // One that never reads again.
    (await openStream(url, 'WebSocket', EVENTS, {})).pause();

    const samples: Sample[] = [];
    const visits: Promise<void>[] = [];
    const begin = performance.now();
    const end = begin + MINUTES * 60_000;
    let cycles = 0;
    for (let now = begin; now < end; now = performance.now()) {
      if (cycles % 10 === 0) visits.push(visit(url, TRANSPORTS[(cycles / 10) % 2]));
      await life(api);
      cycles++;
      if (now - begin >= ((samples.length + 1) * (end - begin)) / (SAMPLES + 1))
        samples.push({ memory: (await server.ask('memory')) as Memory, revision: await revisionOf(api) });
      const due = begin + (cycles * 1000) / CYCLES_PER_SECOND;
      if (due > performance.now()) await pause(due - performance.now());
    }
    await life(api);
    await Promise.all(visits);
    await server.kill('SIGTERM');
    await Promise.all(staying);

    const checkpoints = samples.map(({ revision }) => Math.floor(revision / COMMANDS_A_CHECKPOINT));
    const held = samples.map(({ memory: { heapUsed, external } }) => heapUsed + external);
    process.stdout.write(
      `soak: ${MINUTES} min, ${cycles} cycles, ${visits.length} visits, ${messages} messages; ` +
        `MB held after collection ${held.map(megabytes).join(' ')}; resident ${samples.map(({ memory }) => megabytes(memory.rss)).join(' ')}; checkpoints ${checkpoints.at(-1)}\n`,
    );
    expect(messages).toBeGreaterThan(cycles);
    // The first quarter fills what is kept of events, and caches.
    const rest = held.map((bytes, index) => bytes - checkpoints[index] * BYTES_A_CHECKPOINT);
    const early = mean(rest.slice(SAMPLES / 4, SAMPLES / 2));
    const late = mean(rest.slice((SAMPLES * 3) / 4));
    expect(late).toBeLessThan(early * 1.05);
  } finally {
    await server.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});
