import { type Graph, graphWith } from '../support/platform/graph.js';

const DSA = 'Device:box/0000:6a:01.0';
const IAX = 'Device:box/0000:6a:02.0';
const USER = '0x7f0000000000';

const BONDS = `query ($device: ID!) { node(id: $device) { ... on Device {
  features { feature supported enabled reason }
  processes { process pasid users presentBytes rootTableAddress } } } }`;
const REFUSED = '... on KernelError { errno function blockers { code } } ... on InvalidInputError { path }';
const DMA = '... on DmaPayload { outcome events { ... on FaultEvent { reason { code } } } }';
const ASKED = `... on PageRequestPayload { outcome events {
  ... on PageRequestEvent { outcome } ... on InvalidationEvent { descriptor words } } }`;

interface Bonds {
  features: { feature: string; supported: boolean; reason: string | null }[];
  processes: { process: number; pasid: number; users: number; presentBytes: string }[];
}

describe('a process shared with a device', () => {
  let graph: Graph;
  const bonds = async (device = DSA) => (await graph.ask<{ node: Bonds }>(BONDS, { device })).node;
  const dma = (access: string) =>
    graph.send(['dma', { endpoint: DSA, pasid: 1, address: USER, access }], DMA);

  beforeAll(async () => {
    graph = await graphWith({ box: 'sapphire-rapids' });
  });

  test('is offered by its device, whose unit is able', async () => {
    const { features } = await bonds();
    expect(features.find(({ feature }) => feature === 'SVA')).toMatchObject({
      supported: true,
      reason: null,
    });
    expect((await graph.send(['enableFeature', { device: DSA, feature: 'SVA' }])).__typename).toBe(
      'DevicePayload',
    );
  });

  test('gives it a PASID, which another device shares', async () => {
    const userMemory = [{ start: USER, size: '64K', access: ['READ'] }];
    const selection = '... on CommandPayload { events { ... on TopologyEvent { change } } }';
    const answer = await graph.send(['svaBind', { device: DSA, process: 7, userMemory }], selection);
    expect(answer.events).toContainEqual({ change: 'SVA_BOUND' });
    await graph.send(['svaBind', { device: IAX, process: 7 }]);
    await graph.send(['svaBind', { device: IAX, process: 7 }]);
    expect((await bonds()).processes).toMatchObject([{ process: 7, pasid: 1, users: 1, presentBytes: '0' }]);
    expect((await bonds(IAX)).processes).toMatchObject([{ process: 7, pasid: 1, users: 2 }]);
  });

  test('is reached once its page was asked for, as far as the process itself may', async () => {
    expect(await dma('READ')).toMatchObject({
      outcome: 'FAULTED',
      events: expect.arrayContaining([{ reason: { code: 0x71 } }]),
    });
    const request = { endpoint: DSA, pasid: 1, address: USER };
    const asked = await graph.send(['requestPage', request], ASKED);
    expect(asked.outcome).toBe('QUEUED');
    expect(await dma('READ')).toMatchObject({ outcome: 'COMPLETED' });
    const refused = await graph.send(['requestPage', { ...request, access: ['WRITE'] }], ASKED);
    // Response codes 0 and 1 in bits 15:12 of the first word. VT-d 6.5.2.11.
    const codes = [asked, refused].map(({ events }) => {
      const response = (events as { descriptor?: string; words?: string[] }[]).find(
        ({ descriptor }) => descriptor === 'PAGE_GROUP_RESPONSE',
      )!;
      return (Number(BigInt(response.words![0]) & 0xffffn) >>> 12) & 0xf;
    });
    expect(codes).toEqual([0, 1]);
    expect((await bonds()).processes).toMatchObject([{ presentBytes: '4096' }]);
  });

  test('is gone from a device when it was unbound', async () => {
    await graph.send(['svaUnbind', { device: DSA, process: 7 }]);
    expect((await bonds()).processes).toEqual([]);
    expect(await dma('READ')).toMatchObject({ outcome: 'FAULTED' });
    expect(await graph.send(['svaUnbind', { device: DSA, process: 7 }], REFUSED)).toMatchObject({
      errno: 'EINVAL',
      blockers: [{ code: 'NOT_BOUND' }],
    });
    expect((await bonds(IAX)).processes).toMatchObject([{ process: 7, users: 2 }]);
  });

  test('is refused where an argument makes no sense', async () => {
    const bad = { start: '0x1234', size: '64K', access: ['READ'] };
    for (const input of [{ process: 0 }, { process: 5000000 }, { process: 8, userMemory: [bad] }])
      expect((await graph.send(['svaBind', { device: DSA, ...input }], REFUSED)).__typename).toBe(
        'InvalidInputError',
      );
  });
});
