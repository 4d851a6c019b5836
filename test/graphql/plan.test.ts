import { digestOf } from '../../src/platform/digest.js';
import { type Graph, graphWith } from '../support/platform/graph.js';
import { type Written, sampleLists } from '../support/platform/random-commands.js';

const EVENT = `__typename sequence revision recordedAt
  ... on TopologyEvent { change } ... on AttachmentEvent { attached domainId endpointId kind pasid }
  ... on MappingEvent { mapped domainId iova physical size access } ... on KernelLogEvent { text }
  ... on FaultEvent { address access reason { code } recorded endpoint { id } kernelLogLine }
  ... on InvalidationEvent { descriptor granularity domainIdTag pasid sourceId address size dropped error }
  ... on InterruptEvent { address data vector } ... on PageRequestEvent { address outcome }`;
const PLAN = `query ($platform: ID!, $commands: [CommandInput!]!) {
  plan(platform: $platform, commands: $commands) {
    outcomes { index error { __typename message ... on KernelError { errno function } ... on NotFoundError { id } } }
    events { ${EVENT} }
  }
}`;
const SINCE = `query ($after: Cursor) {
  platform(name: "box") { events(first: 10000, after: $after) { nodes { ${EVENT} } pageInfo { endCursor } } }
}`;
const REFUSED = '... on KernelError { errno function } ... on NotFoundError { id }';

interface Planned {
  outcomes: { index: number; error: Record<string, unknown> | null }[];
  events: unknown[];
}

async function planOf({ ask }: Graph, list: readonly Written[], platform = 'Platform:box'): Promise<Planned> {
  const commands = list.map(([name, input]) => ({ [name]: input }));
  return (await ask<{ plan: Planned }>(PLAN, { platform, commands })).plan;
}

async function eventsAfter({ ask }: Graph, after: string | null) {
  const answer = await ask<{ platform: { events: { nodes: unknown[]; pageInfo: { endCursor: string } } } }>(
    SINCE,
    { after },
  );
  return answer.platform.events;
}

describe('a plan', () => {
  test('of any commands foretells their outcomes and events, and leaves no trace', async () => {
    const graph = await graphWith({ box: 'sapphire-rapids' });
    const platform = graph.host.platform('box')!;
    let cursor = (await eventsAfter(graph, null)).pageInfo.endCursor;
    const met = new Set<unknown>();
    for (const [index, list] of sampleLists('box', 200, 6, 3).entries()) {
      graph.clock.now += 400;
      const check = index % 8 === 0;
      const before = check ? digestOf(platform) : null;
      const waiting = { rung: false };
      const stop = platform.events.listen(() => (waiting.rung = true));
      const plan = await planOf(graph, list);
      stop();
      expect(waiting.rung).toBe(false);
      if (check) expect(digestOf(platform)).toBe(before);

      const outcomes: Planned['outcomes'] = [];
      for (const [at, written] of list.entries()) {
        const { __typename, ...answer } = await graph.send(written, REFUSED);
        met.add(`${written[0]} ${String(__typename)}`);
        const failed = /Error$/.test(String(__typename));
        outcomes.push({ index: at, error: failed ? { __typename, ...answer } : null });
      }
      expect(plan.outcomes).toEqual(outcomes);
      const { nodes, pageInfo } = await eventsAfter(graph, cursor);
      expect(plan.events).toEqual(nodes);
      cursor = pageInfo.endCursor ?? cursor;
    }
    // The lists met success and refusal of every kind, or this showed little.
    expect([...met].sort()).toEqual(
      expect.arrayContaining([
        'attach AttachPayload',
        'attach KernelError',
        'attach NotFoundError',
        'createMdev CreateMdevPayload',
        'dma DmaPayload',
        'freeDomain FreeDomainPayload',
        'map InvalidInputError',
        'map KernelError',
        'map MapPayload',
        'removeMdev RemoveMdevPayload',
        'unmap UnmapPayload',
      ]),
    );
  }, 300_000);

  test('may use the id a planned command will give', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const next = Math.max(...graph.host.platform('box')!.kernel.domains.keys()) + 1;
    const domain = `Domain:box/${next}`;
    const list: Written[] = [
      ['map', { domain, iova: 0, physical: 0, size: '2M' }],
      ['allocDomain', { platform: 'Platform:box' }],
      ['map', { domain, iova: 0, physical: 0, size: '2M' }],
    ];
    const { outcomes } = await planOf(graph, list);
    expect(outcomes.map(({ error }) => error?.__typename ?? null)).toEqual(['NotFoundError', null, null]);
    expect(graph.host.platform('box')!.revision).toBe(0);
  });

  test('refuses a command for another platform, and one that expects another revision, and goes on', async () => {
    const graph = await graphWith({ box: 'legacy-desktop', other: 'legacy-desktop' });
    const { outcomes } = await planOf(graph, [
      ['allocDomain', { platform: 'Platform:other' }],
      ['allocDomain', { platform: 'Platform:box', expectedRevision: 4 }],
      ['allocDomain', { platform: 'Platform:box', expectedRevision: 0 }],
      ['allocDomain', { platform: 'Platform:box', expectedRevision: 1 }],
    ]);
    expect(outcomes.map(({ error }) => error?.__typename ?? null)).toEqual([
      'InvalidInputError',
      'ConflictError',
      null,
      null,
    ]);
  });

  test('takes exactly one command in each place, and a platform there is', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const both = { freeDomain: { domain: 'Domain:box/1' }, removeMdev: { subdevice: 'Subdevice:box/x' } };
    await expect(graph.ask(PLAN, { platform: 'Platform:box', commands: [both] })).rejects.toThrow(
      /exactly one/i,
    );
    await expect(planOf(graph, [], 'Platform:none')).rejects.toThrow('no platform with the id');
    expect(await planOf(graph, [])).toEqual({ outcomes: [], events: [] });
  });
});
