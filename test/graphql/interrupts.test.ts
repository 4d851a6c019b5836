import { type Graph, graphWith } from '../support/platform/graph.js';

const DSA = 'Device:box/0000:6a:01.0';
const IAX = 'Device:box/0000:6a:02.0';

const STATE = `query ($device: ID!) { node(id: $device) { ... on Device {
  interrupts { number kind address data vector destination index iommuUnit { name } }
  iommuUnit { interruptEntries(first: 5) { index device { name } entry { present fields { name value } } } }
} } }`;

interface State {
  interrupts: {
    number: number;
    kind: string;
    address: string;
    data: string;
    vector: number;
    index: number;
  }[];
  iommuUnit: {
    interruptEntries: {
      index: number;
      device: { name: string } | null;
      entry: { present: boolean; fields: { name: string; value: string }[] };
    }[];
  };
}

const SIGNALLED = `... on InterruptPayload { outcome vector events {
  ... on InterruptEvent { index vector } ... on FaultEvent { reason { code } } ... on KernelLogEvent { text } } }`;

describe('the interrupts of a driver', () => {
  let graph: Graph;
  let state: State;
  const read = async (device = DSA) => (await graph.ask<{ node: State }>(STATE, { device })).node;

  beforeAll(async () => {
    graph = await graphWith({ box: 'sapphire-rapids' });
    await graph.send(['unbindDriver', { device: DSA }]);
    await graph.send(['bindDriver', { device: DSA, driver: 'idxd', vectors: 3 }]);
    state = await read();
  });

  test('are listed with their messages, and their entries decoded', () => {
    expect(state.interrupts.map(({ number, kind, index }) => [number, kind, index])).toEqual([
      [0, 'MSI_X', 0],
      [1, 'MSI_X', 1],
      [2, 'MSI_X', 2],
    ]);
    const { interruptEntries } = state.iommuUnit;
    expect(interruptEntries.map(({ index, device }) => [index, device!.name])).toEqual([
      [0, '0000:6a:01.0'],
      [1, '0000:6a:01.0'],
      [2, '0000:6a:01.0'],
    ]);
    const fields = Object.fromEntries(
      interruptEntries[1].entry.fields.map(({ name, value }) => [name, value]),
    );
    expect(fields).toMatchObject({
      P: '0x1',
      SID: '0x6a08',
      SVT: '0x1',
      V: `0x${state.interrupts[1].vector.toString(16)}`,
    });
  });

  test('arrive at their vectors, by number and by message', async () => {
    const { vector, address, data } = state.interrupts[1];
    for (const message of [{ interrupt: 1 }, { address, data }]) {
      const answer = await graph.send(['signalInterrupt', { device: DSA, ...message }], SIGNALLED);
      expect(answer).toMatchObject({ outcome: 'COMPLETED', vector, events: [{ index: 1, vector }] });
    }
  });

  test('are refused to another device, which the kernel logs', async () => {
    const { address, data } = state.interrupts[1];
    const answer = await graph.send(['signalInterrupt', { device: IAX, address, data }], SIGNALLED);
    expect(answer.outcome).toBe('FAULTED');
    expect(answer.events).toEqual(
      expect.arrayContaining([
        { reason: { code: 0x26 } },
        {
          text: 'DMAR: [INTR-REMAP] Request device [6a:02.0] fault index 1 [fault reason 38] Blocked an interrupt request due to source-id verification failure',
        },
      ]),
    );
  });

  test('go with the driver, and what they were is blocked', async () => {
    const { address, data } = state.interrupts[1];
    await graph.send(['unbindDriver', { device: DSA }]);
    expect((await read()).interrupts).toEqual([]);
    const answer = await graph.send(['signalInterrupt', { device: DSA, address, data }], SIGNALLED);
    expect(answer.events).toEqual(expect.arrayContaining([{ reason: { code: 0x22 } }]));
    const none = await graph.send(
      ['signalInterrupt', { device: DSA, interrupt: 1 }],
      '... on InvalidInputError { path }',
    );
    expect(none).toMatchObject({ __typename: 'InvalidInputError', path: ['input', 'interrupt'] });
  });

  test.each([
    [{ vectors: 2049, driver: 'idxd' }, 'InvalidInputError'],
    [{ vectors: -1, driver: 'idxd' }, 'InvalidInputError'],
    [{ vectors: 1, driver: 'vfio-pci' }, 'InvalidInputError'],
    [{ vectors: 100, driver: 'idxd' }, 'KernelError'],
  ])('are not given for %j: %s', async (input, type) => {
    await graph.send(['unbindDriver', { device: DSA }]);
    const answer = await graph.send(['bindDriver', { device: DSA, ...input }]);
    expect(answer.__typename).toBe(type);
    expect((await read()).interrupts).toEqual([]);
  });

  test.each([[{ interrupt: 0, data: '0x0' }], [{ interrupt: -1 }], [{ address: '0xfee00000' }], [{}]])(
    'cannot be signalled as %j',
    async (message) => {
      const answer = await graph.send(['signalInterrupt', { device: DSA, ...message }]);
      expect(answer.__typename).toBe('InvalidInputError');
    },
  );
});

test('a device behind another vendor’s unit gets none: its tables are not modelled', async () => {
  const graph = await graphWith({ two: 'two-vendors' });
  const device = 'Device:two/0001:03:00.0';
  await graph.send(['unbindDriver', { device }]);
  const answer = await graph.send(
    ['bindDriver', { device, driver: 'some', vectors: 1 }],
    '... on InvalidInputError { path }',
  );
  expect(answer).toMatchObject({ __typename: 'InvalidInputError', path: ['input', 'vectors'] });
});
