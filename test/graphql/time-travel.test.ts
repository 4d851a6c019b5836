import { type Graph, graphWith } from '../support/platform/graph.js';
import { sampleLists } from '../support/platform/random-commands.js';

/** What can be asked of a platform, without the fields that lead back to it. */
const STATE = `id revision lastSequence createdAt origin
  kernel { commandLine scalableMode subdeviceOps }
  iommuUnits { id domainIdsUsed rootTableAddress registers { name value }
    caches(first: 1000) { kind sourceId domainIdTag pasid address target stale } invalidationQueue { head tail } }
  devices { nodes { id driver domain { id } group { id } features { feature enabled }
    contextEntry { words } pasidTable { pasid entry { words } } pasidAttachments { pasid domainIdTag } } }
  subdevices { nodes { id pasid group { id } domain { id } attachment { kind domainIdTag } } }
  groups { nodes { id members { id } domain { id } } }
  domains { nodes { id type mappings { nodes { iova physical size access } } tableBytes } }
  containers { id }
  events(last: 500) { nodes { id cursor sequence revision recordedAt } }
  kernelLog(last: 100) { nodes { sequence text } }`;
const NOW = `{ platform(name: "box") { ${STATE} } }`;
const THEN = `query ($revision: SequenceNumber!) { platform(name: "box") { at(revision: $revision) { ${STATE} } } }`;

const now = async ({ ask }: Graph) => (await ask<{ platform: { revision: number } }>(NOW)).platform;
const then = async ({ ask }: Graph, revision: number) =>
  (await ask<{ platform: { at: { revision: number } | null } }>(THEN, { revision })).platform.at;

describe('Platform.at', () => {
  test('answers every field as it was answered then, with the same ids, and changes nothing now', async () => {
    const graph = await graphWith({ box: 'sapphire-rapids' });
    const recorded = [await now(graph)];
    for (const written of sampleLists('box', 70, 4, 21).flat()) {
      graph.clock.now += 300;
      await graph.send(written);
      const state = await now(graph);
      recorded[state.revision] = state;
    }
    const last = recorded.length - 1;
    expect(last).toBeGreaterThan(30);
    for (let revision = 0; revision <= last; revision += 6)
      expect(await then(graph, revision)).toEqual(recorded[revision]);
    expect(await then(graph, last)).toEqual(recorded[last]);
    expect(await now(graph)).toEqual(recorded[last]);
    expect(await then(graph, last + 1)).toBeNull();
  }, 300_000);

  test('shows the past from the past, and not its future', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    for (let n = 0; n < 4; n++) await graph.send(['allocDomain', { platform: 'Platform:box' }]);
    const query = `{ platform(name: "box") { at(revision: 3) {
      earlier: at(revision: 1) { revision domains { totalCount } }
      later: at(revision: 4) { revision }
      domains { nodes { platform { revision } } }
    } } }`;
    const { platform } = await graph.ask<{ platform: { at: Record<string, unknown> } }>(query);
    expect(platform.at).toMatchObject({ earlier: { revision: 1 }, later: null });
    const { nodes } = platform.at.domains as { nodes: unknown[] };
    expect(new Set(nodes.map((node) => JSON.stringify(node)))).toEqual(
      new Set(['{"platform":{"revision":3}}']),
    );
  });

  test('holds still while the platform goes on', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    await graph.send(['allocDomain', { platform: 'Platform:box' }]);
    const before = await then(graph, 1);
    await graph.send(['allocDomain', { platform: 'Platform:box' }]);
    expect(await then(graph, 1)).toEqual(before);
  });
});
