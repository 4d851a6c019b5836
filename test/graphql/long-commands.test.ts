import { digestOf } from '../../src/platform/digest.js';
import { inTheMidst } from '../../src/platform/in-slices.js';
import { type Graph, graphWith } from '../support/platform/graph.js';
import { pausesEverywhere, untilInTheMidst } from '../support/platform/long-commands.js';

beforeEach(pausesEverywhere);
afterEach(() => void jest.restoreAllMocks());

const RANGE = { container: 'VfioContainer:box/1', iova: '0x100000000', size: '256M' };

/** A desktop whose NIC is a user's, with 256 MiB mapped, beside another platform whose name comes first. */
async function desktop() {
  const graph = await graphWith({ box: 'legacy-desktop', another: 'legacy-desktop' });
  const platform = graph.host.platform('box')!;
  const nic = [...platform.kernel.devices.values()].find(({ driver }) => driver === 'e1000e')!;
  const device = `Device:box/${nic.name}`;
  const container = RANGE.container;
  const group = `Group:box/${nic.group!.number}`;
  const sent = [
    await graph.send(['unbindDriver', { device }]),
    await graph.send(['bindDriver', { device, driver: 'vfio-pci' }]),
    await graph.send(['openContainer', { platform: 'Platform:box' }]),
    await graph.send(['addGroupToContainer', { container, group }]),
    await graph.send(['setContainerIommu', { container, type: 'TYPE1V2' }]),
    await graph.send(['vfioMapDma', { ...RANGE, vaddr: '0x100000000', access: ['READ', 'WRITE'] }]),
  ];
  expect(sent.map(({ message }) => message)).toEqual(sent.map(() => undefined));
  return { graph, platform, device };
}

/** Begins to unmap all of it, and comes back in the middle of that. */
async function beginUnmap(graph: Graph): Promise<Promise<Record<string, unknown>>[]> {
  const answer = graph.send(
    ['vfioUnmapDma', RANGE],
    '... on VfioUnmapPayload { revision platform { revision } container { lockedMemory } }',
  );
  await untilInTheMidst(graph.host.platform('box')!);
  // In a list: a promise by itself would be waited for.
  return [answer];
}

const UNMAPPED = { revision: 7, platform: { revision: 7 }, container: { lockedMemory: '0' } };

it('a query of another platform is answered before a long command is over, one of the same sees what it did', async () => {
  const { graph } = await desktop();
  const order: string[] = [];
  const note = <T>(name: string, answer: Promise<T>) =>
    answer.then((data) => {
      order.push(name);
      return data;
    });
  const [long] = await beginUnmap(graph);
  const answers = await Promise.all([
    note('same', graph.ask('{ platform(name: "box") { revision } }')),
    note('long', long),
    note('list', graph.ask('{ platforms(first: 1) { nodes { name revision } } }')),
    note('other', graph.ask('{ platform(name: "another") { revision } }')),
  ]);
  expect(order.slice(0, 2).sort()).toEqual(['list', 'other']);
  expect(answers).toMatchObject([
    { platform: { revision: 7 } },
    UNMAPPED,
    { platforms: { nodes: [{ name: 'another', revision: 0 }] } },
    { platform: { revision: 0 } },
  ]);
});

it('a plan for a platform that is deleted when the command is over is told that there is none', async () => {
  const { graph } = await desktop();
  const [long] = await beginUnmap(graph);
  const plan = graph.ask('{ plan(platform: "Platform:box", commands: []) { events { id } } }');
  const refused = expect(plan).rejects.toThrow('There is no platform with the id "Platform:box".');
  await Promise.all([long, graph.host.delete('box'), refused]);
});

it('whatever is asked of a platform in the midst of a command is answered as after it', async () => {
  const { graph, platform, device } = await desktop();
  const [long] = await beginUnmap(graph);
  const command = { vfioUnmapDma: RANGE };
  const answers = await Promise.all([
    graph.ask(`{ node(id: "${RANGE.container}") { ... on VfioContainer { lockedMemory } } }`),
    graph.ask(`{ nodes(ids: ["${RANGE.container}", "Platform:another"]) { id } }`),
    graph.ask('{ platforms { nodes { name revision } } }'),
    graph.ask(`{ readiness(device: "${device}", feature: DMA_REMAPPING) { code } }`),
    graph.ask('{ peekMemory(platform: "Platform:box", address: "0x1000", words: 1) }'),
    graph.ask(
      '{ platform(name: "box") { at(revision: 7) { revision } then: at(revision: 6) { revision } } }',
    ),
    graph.ask(
      `query ($commands: [CommandInput!]!) { plan(platform: "Platform:box", commands: $commands) { events { ... on MappingEvent { sequence } } } }`,
      { commands: [command] },
    ),
    graph.ask(`query ($command: CommandInput!) { whyNot(command: $command) { code } }`, { command }),
    graph.send(
      ['forkPlatform', { platform: 'Platform:box', name: 'twin' }],
      '... on PlatformPayload { revision }',
    ),
  ]);
  expect(inTheMidst(platform)).toBeNull();
  expect(await long).toMatchObject(UNMAPPED);
  expect(answers).toMatchObject([
    { node: { lockedMemory: '0' } },
    { nodes: [{ id: RANGE.container }, { id: 'Platform:another' }] },
    { platforms: { nodes: [{ revision: 0 }, { revision: 7 }] } },
    { readiness: expect.anything() as object },
    { peekMemory: ['0x0'] },
    { platform: { at: { revision: 7 }, then: { revision: 6 } } },
    // Nothing is mapped any more, so nothing would be unmapped.
    { plan: { events: [] } },
    { whyNot: [] },
    { revision: 7 },
  ]);
  expect(digestOf(graph.host.platform('twin')!)).toBe(digestOf(platform));
});
