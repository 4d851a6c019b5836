import { openMemoryLog } from '../../src/log/memory-log.js';
import type { CommandLog } from '../../src/log/port.js';
import { PlatformHost } from '../../src/platform/host.js';
import { type Graph, graphOver, graphWith } from '../support/platform/graph.js';

const ALLOC = { platform: 'Platform:box' };
const AFTER = `query ($cursor: Cursor) { platform(name: "box") { events(after: $cursor) { nodes { sequence } } } }`;
const BEFORE = `query ($cursor: Cursor) { platform(name: "box") { events(last: 1, before: $cursor) { nodes { sequence } } } }`;

async function newest({ ask }: Graph) {
  const { platform } = await ask<{
    platform: { events: { edges: { cursor: string; node: { sequence: number } }[] } };
  }>('{ platform(name: "box") { events(last: 1) { edges { cursor node { sequence } } } } }');
  const [{ cursor, node }] = platform.events.edges;
  return { cursor, sequence: node.sequence };
}

/** The log as a disk has it that was not waited for and lost its power: without the last commands. */
async function cutBehind(log: CommandLog, revision: number): Promise<CommandLog> {
  const cut = await openMemoryLog();
  for (const { name, header } of await log.streams()) await cut.create(name, header);
  for await (const { revision: each, entry } of log.read('box', 1))
    if (each <= revision) await cut.append('box', each, entry);
  return cut;
}

/** A platform with two commands of which the second was lost, and what clients still hold. */
async function cut() {
  const graph = await graphWith({ box: 'legacy-desktop' });
  await graph.send(['allocDomain', ALLOC]);
  const kept = await newest(graph);
  graph.clock.now += 1000;
  await graph.send(['allocDomain', ALLOC]);
  const lost = await newest(graph);
  expect(lost.sequence).toBe(kept.sequence + 1);
  const log = await cutBehind(graph.log, 1);
  const { clock } = graph;
  const reopened = graphOver(await PlatformHost.open(log, () => clock.now), log, clock);
  return { graph: reopened, kept, lost };
}

const refusal = { lost: 'is of an event platform box has lost', ahead: 'lies ahead of platform box' };

describe('after a power cut took back the last commands', () => {
  test('a cursor of what was lost is refused, before and after its number stands for another event', async () => {
    const { graph, kept, lost } = await cut();
    await expect(graph.ask(AFTER, { cursor: lost.cursor })).rejects.toThrow(
      `after "${lost.cursor}" ${refusal.ahead}`,
    );
    graph.clock.now += 1000;
    await graph.send(['freeDomain', { domain: 'Domain:box/9999' }]);
    for (let n = 0; n < 3; n++) await graph.send(['allocDomain', ALLOC]);
    expect((await newest(graph)).sequence).toBe(kept.sequence + 3);
    await expect(graph.ask(AFTER, { cursor: lost.cursor })).rejects.toThrow(
      `after "${lost.cursor}" ${refusal.lost}`,
    );
    await expect(graph.ask(BEFORE, { cursor: lost.cursor })).rejects.toThrow(
      `before "${lost.cursor}" ${refusal.lost}`,
    );
  });

  test('a cursor of what was kept goes on behind it', async () => {
    const { graph, kept } = await cut();
    graph.clock.now += 1000;
    await graph.send(['allocDomain', ALLOC]);
    const answer = await graph.ask(AFTER, { cursor: kept.cursor });
    expect(answer).toEqual({ platform: { events: { nodes: [{ sequence: kept.sequence + 1 }] } } });
  });
});

test('an event has the same cursor in lists, streams and earlier moments, and after a restart', async () => {
  const graph = await graphWith({ box: 'legacy-desktop' });
  await graph.send(['allocDomain', ALLOC]);
  const { cursor } = await newest(graph);
  const { platform } = await graph.ask<{ platform: { at: { events: { edges: { cursor: string }[] } } } }>(
    '{ platform(name: "box") { at(revision: 1) { events(last: 1) { edges { cursor } } } } }',
  );
  expect(platform.at.events.edges[0].cursor).toBe(cursor);
  graph.clock.now += 5000;
  const host = await PlatformHost.open(graph.log, () => graph.clock.now);
  expect((await newest(graphOver(host, graph.log, graph.clock))).cursor).toBe(cursor);
});
