import { type GraphQLObjectType, buildSchema as parseSchema, getNamedType, isInputObjectType } from 'graphql';
import { printSdl } from '../../src/graphql/schema.js';
import { PlatformHost } from '../../src/platform/host.js';
import { lspciText } from '../support/lspci-text.js';
import { machineTexts } from '../support/machine-texts.js';
import { type Graph, graphOver, graphWith } from '../support/platform/graph.js';

// Machines are booted a dozen times, which on a busy machine takes what it takes.
jest.setTimeout(60_000);

const DEVICE = 'Device:box/0000:6a:01.0';
const UUID = '4b20d080-1b54-4048-85b3-a6a62d165001';
const SUBDEVICE = `Subdevice:box/${UUID}`;
const SOFTWARE = '4b20d080-1b54-4048-85b3-a6a62d165002';
const CONTAINER = 'VfioContainer:box/1';
const UNIT = 'IommuUnit:box/dmar0';
const NIC = 'Device:box/0000:16:00.0';
const RAID = 'Device:box/0000:27:00.0';
const box = { platform: 'Platform:box' };

/** What a step sends, and what else it could have sent under the same key. */
interface Step {
  readonly mutation: string;
  readonly input: Record<string, unknown>;
  readonly other: Record<string, unknown>;
}

const selection = `__typename ... on Error { message } ... on KernelError { errno }
  ... on CommandPayload { revision platform { id } events { id } } ... on DeletePlatformPayload { deletedId }`;

const mutations = (parseSchema(printSdl()).getMutationType() as GraphQLObjectType).getFields();

/** Sends a mutation, whose terms are fields of its input, or arguments where it has none. */
async function send(graph: Graph, mutation: string, input: Record<string, unknown>) {
  const { args } = mutations[mutation];
  const given = args[0].name === 'input' && args.length === 1 ? { input } : input;
  const used = args.filter(({ name }) => name in given);
  const { answer } = await graph.ask<{ answer: Record<string, unknown> }>(
    `mutation (${used.map(({ name, type }) => `$${name}: ${String(type)}`).join(' ')}) {
      answer: ${mutation}(${used.map(({ name }) => `${name}: $${name}`).join(' ')}) { ${selection} } }`,
    given,
  );
  return answer;
}

/** One road past every mutation of a command, and then those that make and delete platforms. */
function road(graph: Graph): Step[] {
  const { header } = graph.host.platform('box')!;
  // As in the tour of the README.
  const group = 'Group:box/71';
  const domain = 'Domain:box/73';
  const card = lspciText(header.description.functions.filter(({ address }) => address.bus === 0x27));
  const dma = { endpoint: SUBDEVICE, address: '0x200000', size: '8' };
  const step = (mutation: string, input: object, other: object): Step => ({
    mutation,
    input: { ...input },
    other: { ...input, ...other },
  });
  return [
    step('enableFeature', { device: DEVICE, feature: 'AUX' }, { feature: 'SVA' }),
    step('createMdev', { parent: DEVICE, type: 'idxd-1dwq-v1', uuid: UUID }, { uuid: SOFTWARE }),
    step('allocDomain', { ...box, bus: 'mdev' }, { bus: 'pci' }),
    step('attach', { domain, target: SUBDEVICE }, { target: DEVICE }),
    step(
      'map',
      { domain, iova: '0x200000', physical: '0x140000000', size: '2M', access: ['READ', 'WRITE'] },
      { access: ['READ'] },
    ),
    step('dma', dma, { size: '16' }),
    step('requestPage', { endpoint: SUBDEVICE, address: '0x900000' }, { address: '0x901000' }),
    step('signalInterrupt', { device: DEVICE, address: '0xfee00000', data: '0x31' }, { data: '0x32' }),
    step('pokeMemory', { ...box, address: '0x150000000', words: ['1', '2'] }, { words: ['2', '1'] }),
    step('writeRegister', { unit: UNIT, register: 'FECTL', value: '0x0' }, { value: '0x1' }),
    step(
      'submitDescriptor',
      { unit: UNIT, words: ['0x12', '0', '0', '0'] },
      { words: ['0x11', '0', '0', '0'] },
    ),
    step('unmap', { domain, iova: '0x200000', size: '2M' }, { size: '4K' }),
    step('detach', { domain, target: SUBDEVICE }, { target: DEVICE }),
    step('openContainer', { ...box, userMemory: [] }, { userMemory: null }),
    step('addGroupToContainer', { container: CONTAINER, group }, { group: 'Group:box/1' }),
    step('setContainerIommu', { container: CONTAINER, type: 'TYPE1V2' }, { type: 'TYPE1' }),
    step(
      'vfioMapDma',
      { container: CONTAINER, iova: '0x200000', vaddr: '0x40000000', size: '4K', access: ['READ'] },
      { size: '8K' },
    ),
    step('vfioUnmapDma', { container: CONTAINER, iova: '0x200000', size: '4K' }, { size: '8K' }),
    step('vfioDirtyPages', { container: CONTAINER, action: 'START' }, { action: 'STOP' }),
    step('openVfioDevice', { group, name: UUID }, { name: SOFTWARE }),
    step('closeVfioDevice', { group, name: UUID }, { name: SOFTWARE }),
    step('removeGroupFromContainer', { container: CONTAINER, group }, { group: 'Group:box/1' }),
    step('closeContainer', { id: CONTAINER }, { expectedRevision: 0 }),
    step('setGroupType', { group: 'Group:box/1', type: 'identity' }, { type: 'DMA' }),
    step('removeMdev', { subdevice: SUBDEVICE }, { subdevice: `Subdevice:box/${SOFTWARE}` }),
    step('freeDomain', { domain }, { domain: 'Domain:box/1' }),
    step('disableFeature', { device: DEVICE, feature: 'AUX' }, { feature: 'SVA' }),
    step('setNumVfs', { device: NIC, count: 0 }, { count: 1 }),
    step('removeDevice', { device: RAID, unplug: true }, { unplug: false }),
    step('rescanBus', box, { expectedRevision: 0 }),
    step(
      'dmaMap',
      { device: NIC, physical: '0x40000000', size: '4K', direction: 'TO_DEVICE' },
      { size: '8K' },
    ),
    step('dmaUnmap', { device: NIC, address: '0xfffff000' }, { address: '0x0' }),
    step('hotplugDevice', { ...box, pci: card }, { pci: '' }),
    step('svaBind', { device: DEVICE, process: 1000 }, { process: 1001 }),
    step('svaUnbind', { device: DEVICE, process: 1000 }, { process: 1001 }),
    step('unbindDriver', { device: DEVICE }, { device: 'Device:box/0000:6f:01.0' }),
    step('bindDriver', { device: DEVICE, driver: 'vfio-pci' }, { driver: 'idxd' }),
    step(
      'createSoftwareMdev',
      { parent: 'SoftwareDevice:two/mtty', type: 'mtty-2', uuid: SOFTWARE },
      { type: 'mtty-1' },
    ),
    step(
      'removeSoftwareMdev',
      { subdevice: `SoftwareSubdevice:two/${SOFTWARE}` },
      { subdevice: `SoftwareSubdevice:two/${UUID}` },
    ),
    step('createPlatform', { name: 'made', template: 'legacy-desktop' }, { template: 'sapphire-rapids' }),
    step('playScene', { scene: 'address-zero', name: 'scene' }, { scene: 'domain-switch' }),
    step('importPlatform', { name: 'read', ...machineTexts(header.description) }, { kernelLog: null }),
    step('forkPlatform', { ...box, name: 'forked', revision: 3 }, { revision: 4 }),
    step('deletePlatform', { id: 'Platform:spare' }, { id: 'Platform:made' }),
  ];
}

const state = ({ host }: Graph) => host.platforms().map(({ name, revision }) => [name, revision]);

test('every mutation takes a key, and an expected revision where there is a platform to have one', () => {
  const without: Record<string, string[]> = { idempotencyKey: [], expectedRevision: [] };
  for (const { name, args } of Object.values(mutations)) {
    const input = args.map(({ type }) => getNamedType(type)).find(isInputObjectType);
    const names = [...args.map((arg) => arg.name), ...Object.keys(input?.getFields() ?? {})];
    for (const term of Object.keys(without)) if (!names.includes(term)) without[term].push(name);
  }
  expect(without).toEqual({
    idempotencyKey: [],
    expectedRevision: ['createPlatform', 'importPlatform', 'playScene'],
  });
});

test('under one key every mutation has one effect and one answer, also after a restart, and takes no other input', async () => {
  const graph = await graphWith({ box: 'sapphire-rapids', two: 'two-vendors', spare: 'legacy-desktop' });
  const steps = road(graph);
  expect(steps.map(({ mutation }) => mutation).sort()).toEqual(Object.keys(mutations).sort());

  const answers: Record<string, unknown>[] = [];
  const reused = async (each: Graph, { mutation, input, other }: Step, index: number) => {
    const before = state(each);
    const idempotencyKey = `key ${index}`;
    expect([mutation, await send(each, mutation, { ...input, idempotencyKey })]).toEqual([
      mutation,
      answers[index],
    ]);
    expect([mutation, await send(each, mutation, { ...other, idempotencyKey })]).toEqual([
      mutation,
      {
        __typename: 'ConflictError',
        message: `The idempotency key "${idempotencyKey}" was used for another input.`,
      },
    ]);
    expect(state(each)).toEqual(before);
  };
  for (const [index, step] of steps.entries()) {
    const before = state(graph);
    answers.push(await send(graph, step.mutation, { ...step.input, idempotencyKey: `key ${index}` }));
    // Refused by the kernel or not, it was done.
    expect([step.mutation, state(graph)]).not.toEqual([step.mutation, before]);
    expect(answers[index].__typename).toMatch(/Payload$|^KernelError$/);
    graph.clock.now += 1000;
    await reused(graph, step, index);
  }
  // A road on which everything is refused would show little.
  expect(answers.filter(({ __typename }) => __typename === 'KernelError').length).toBeLessThan(4);

  const again = graphOver(await PlatformHost.open(graph.log, () => graph.clock.now), graph.log, graph.clock);
  for (const [index, step] of steps.entries()) await reused(again, step, index);
});

test('every mutation is refused, and does nothing, when its platform is at another revision than expected', async () => {
  const graph = await graphWith({ box: 'sapphire-rapids', two: 'two-vendors' });
  for (const { mutation, input } of road(graph)) {
    if (['createPlatform', 'importPlatform', 'playScene'].includes(mutation)) continue;
    const before = state(graph);
    const target = mutation === 'deletePlatform' ? { id: 'Platform:box' } : input;
    const answer = await send(graph, mutation, { ...target, expectedRevision: 1000 });
    expect([mutation, answer.__typename]).toEqual([mutation, 'ConflictError']);
    expect(state(graph)).toEqual(before);
    if (mutation !== 'deletePlatform') await send(graph, mutation, input);
  }
});

test('the key of a request that made a platform is free again when that is deleted', async () => {
  const graph = await graphWith({});
  const make = { name: 'made', template: 'legacy-desktop', idempotencyKey: 'make' };
  for (let round = 0; round < 2; round++) {
    expect((await send(graph, 'createPlatform', make)).__typename).toBe('PlatformPayload');
    await send(graph, 'deletePlatform', { id: 'Platform:made' });
    expect(state(graph)).toEqual([]);
  }
});
