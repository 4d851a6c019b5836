import { type Api, startApi } from '../support/api.js';

const DISK = 'Device:demo/0000:28:00.0';
const NIC = 'Device:demo/0000:16:00.0';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

type Result = Record<string, unknown> & { readonly __typename: string };

async function run(field: string, selection = ''): Promise<Result> {
  const { result } = await api.ask<{ result: Result }>(
    `mutation { result: ${field} { __typename ... on Error { message } ... on KernelError { errno function } ${selection} } }`,
  );
  return result;
}

const EVENTS = 'events { ... on TopologyEvent { change subjectId subject { id } } }';

describe('devices of the demo platform that come and go', () => {
  test('one is removed, which its events tell by its id, and found again', async () => {
    const removed = await run(
      `removeDevice(input: { device: "${DISK}" })`,
      `... on RemoveDevicePayload { removedIds ${EVENTS} }`,
    );
    expect(removed).toMatchObject({ removedIds: [DISK] });
    expect(removed.events).toContainEqual({ change: 'DEVICE_REMOVED', subjectId: DISK, subject: null });
    expect(await api.ask(`{ node(id: "${DISK}") { id } }`)).toEqual({ node: null });
    const found = await run(
      'rescanBus(input: { platform: "Platform:demo" })',
      `... on FoundDevicesPayload { devices { id driver group { type } } ${EVENTS} }`,
    );
    expect(found).toMatchObject({ devices: [{ id: DISK, driver: 'nvme', group: { type: 'DMA' } }] });
    expect(found.events).toContainEqual({
      change: 'DEVICE_ADDED',
      subjectId: DISK,
      subject: { id: DISK },
    });
  });

  test('virtual functions are switched off and on, each naming its physical function', async () => {
    const NUM_VFS = `... on SetNumVfsPayload { device { virtualFunctions { id } capabilities { totalVfs } }
      virtualFunctions { id physicalFunction { id } group { members { id } } } }`;
    expect(await run(`setNumVfs(input: { device: "${NIC}", count: 0 })`, NUM_VFS)).toMatchObject({
      virtualFunctions: [],
    });
    const on = await run(`setNumVfs(input: { device: "${NIC}", count: 2 })`, NUM_VFS);
    const virtual = on.virtualFunctions as { id: string; group: { members: { id: string }[] } }[];
    expect(virtual).toHaveLength(2);
    for (const { id, group } of virtual) expect(group.members).toEqual([{ id }]);
    expect(on).toMatchObject({
      device: { virtualFunctions: virtual.map(({ id }) => ({ id })) },
      virtualFunctions: [{ physicalFunction: { id: NIC } }, { physicalFunction: { id: NIC } }],
    });
    expect(await run(`setNumVfs(input: { device: "${DISK}", count: 1 })`)).toMatchObject({
      errno: 'ENOENT',
      function: 'sriov_numvfs_store',
    });
    expect(await run(`setNumVfs(input: { device: "${NIC}", count: -1 })`)).toMatchObject({
      __typename: 'InvalidInputError',
    });
  });

  test('what a driver unmapped waits in the queue of its domain, and the device still reaches it', async () => {
    const mapped = await run(
      `dmaMap(input: { device: "${DISK}", physical: "0x40000000", size: "4K", direction: TO_DEVICE })`,
      '... on DmaMapPayload { address device { id } }',
    );
    expect(mapped).toMatchObject({ address: '0xfffff000', device: { id: DISK } });
    const read = () =>
      api.ask(
        `mutation { dma(input: { endpoint: "${DISK}", address: "0xfffff000", access: READ }) { ... on DmaPayload { outcome } } }`,
      );
    expect(await read()).toEqual({ dma: { outcome: 'COMPLETED' } });
    const unmapped = await run(
      `dmaUnmap(input: { device: "${DISK}", address: "0xfffff000" })`,
      '... on DmaUnmapPayload { domain { mappedBytes flushesWaiting } }',
    );
    expect(unmapped).toMatchObject({ domain: { mappedBytes: '0', flushesWaiting: 1 } });
    const none = `dmaMap(input: { device: "${DISK}", physical: "0x0", size: "0", direction: TO_DEVICE })`;
    expect(await run(none, '... on InvalidInputError { path }')).toMatchObject({ path: ['input', 'size'] });
  });

  test('what is no listing of functions is refused by the name of the argument', async () => {
    const refused = await run(
      'hotplugDevice(input: { platform: "Platform:demo", pci: "nothing" })',
      '... on InvalidInputError { path }',
    );
    expect(refused).toMatchObject({ __typename: 'InvalidInputError', path: ['input', 'pci'] });
  });
});
