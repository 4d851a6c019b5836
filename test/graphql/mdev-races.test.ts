import { type Graph, graphWith } from '../support/platform/graph.js';

const PARENT = 'Device:box/0000:6a:01.0';
const uuid = (n: number) => `5eed0000-0000-4000-8000-0000000000${String(n).padStart(2, '0')}`;
const create = (n: number) =>
  ['createMdev', { parent: PARENT, type: 'idxd-1dwq-v1', uuid: uuid(n) }] as const;
const SUBDEVICES = `{ node(id: "${PARENT}") { ... on Device { subdevices { totalCount } } } }`;

async function subdevices(graph: Graph): Promise<number> {
  const { node } = await graph.ask<{ node: { subdevices: { totalCount: number } } }>(SUBDEVICES);
  return node.subdevices.totalCount;
}

it('scenario 64: of two removals at once one removes, the other finds nothing', async () => {
  const graph = await graphWith({ box: 'sapphire-rapids' });
  await graph.send(create(1));
  const remove = ['removeMdev', { subdevice: `Subdevice:box/${uuid(1)}` }] as const;
  const answers = await Promise.all([graph.send(remove), graph.send(remove)]);
  expect(answers.map(({ __typename }) => __typename).sort()).toEqual(['NotFoundError', 'RemoveMdevPayload']);
  expect(await subdevices(graph)).toBe(0);
});

it('scenario 61: what is created while the driver of the parent leaves does not outlive it', async () => {
  const graph = await graphWith({ box: 'sapphire-rapids' });
  const answers = await Promise.all([
    graph.send(create(1)),
    graph.send(create(2)),
    graph.send(['unbindDriver', { device: PARENT }]),
    graph.send(create(3), '... on KernelError { errno } ... on CommandPayload { revision }'),
  ]);
  expect(answers.map(({ __typename }) => __typename)).toEqual([
    'CreateMdevPayload',
    'CreateMdevPayload',
    'DevicePayload',
    'KernelError',
  ]);
  // The files of the type are gone by then: ENOENT from the path, where ENODEV is for who has it open.
  expect(answers[3].errno).toBe('ENOENT');
  expect(await subdevices(graph)).toBe(0);
});
