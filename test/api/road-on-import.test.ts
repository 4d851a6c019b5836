import { templates } from '../../src/platform/templates/index.js';
import { type Api, startApi } from '../support/api.js';
import { machineTexts } from '../support/machine-texts.js';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

interface Payload {
  readonly __typename: string;
  readonly message?: string;
  readonly domain: { id: string };
  readonly attachments: { kind: string; pasid: number | null; device: { address: string } }[];
  readonly pages: object[];
  readonly outcome: string;
  readonly segments: { physical: string }[];
  readonly fault: { reason: { hex: string }; sourceId: string; endpoint: { name: string } | null } | null;
  readonly platform: { id: string };
}

/** Runs one mutation field, expects its payload, and gives it. */
async function run(field: string, selection = ''): Promise<Payload> {
  const { result } = await api.ask<{ result: Payload }>(
    `mutation { result: ${field} { __typename ... on Error { message } ${selection} } }`,
  );
  if (result.message !== undefined) throw new Error(`${field}: ${result.message}`);
  return result;
}

const DMA = `... on DmaPayload { outcome segments { physical } fault { sourceId endpoint { name } reason { hex } } }`;

/** Attaches a new domain, maps, reads through it, unmaps, reads again, detaches. */
async function road(platform: string, bus: string, target: string, endpoint: string) {
  const { domain } = await run(
    `allocDomain(input: { platform: "Platform:${platform}", bus: "${bus}" })`,
    '... on DomainPayload { domain { id } }',
  );
  const { attachments } = await run(
    `attach(input: { domain: "${domain.id}", target: "${target}" })`,
    '... on AttachPayload { attachments { kind pasid device { address } } }',
  );
  await run(`map(input: { domain: "${domain.id}", iova: "0x40000000", physical: "0x7000000", size: "2M" })`);
  const read = `dma(input: { endpoint: "${endpoint}", address: "0x40000123" })`;
  expect(await run(read, DMA)).toMatchObject({ outcome: 'COMPLETED', segments: [{ physical: '0x7000123' }] });
  await run(`unmap(input: { domain: "${domain.id}", iova: "0x40000000", size: "2M" })`);
  const { fault } = await run(read, DMA);
  await run(`detach(input: { domain: "${domain.id}", target: "${target}" })`);
  return { attachments, fault };
}

test('the road of a subdevice works on a machine that was read in', async () => {
  const input = { name: 'server', ...machineTexts(templates[0].describe()) };
  const { importPlatform } = await api.ask<{ importPlatform: Payload }>(
    `mutation ($input: ImportPlatformInput!) { importPlatform(input: $input) { __typename ... on Error { message } } }`,
    { input },
  );
  expect(importPlatform).toEqual({ __typename: 'PlatformPayload' });
  await run(`enableFeature(input: { device: "Device:server/0000:e7:01.0", feature: AUX })`);
  const uuid = '00000000-0000-4000-8000-0000000000e7';
  await run(
    `createMdev(input: { parent: "Device:server/0000:e7:01.0", type: "idxd-1dwq-v1", uuid: "${uuid}" })`,
  );
  const subdevice = `Subdevice:server/${uuid}`;
  const { attachments, fault } = await road('server', 'mdev', subdevice, subdevice);
  expect(attachments).toEqual([{ kind: 'AUX', pasid: 1, device: { address: '0000:e7:01.0' } }]);
  expect(fault).toMatchObject({ reason: { hex: '0x79' }, endpoint: { name: uuid } });
  await run(`removeMdev(input: { subdevice: "${subdevice}" })`);
});

describe('the same road for physical functions, in both table modes', () => {
  test('a function of its own gets a primary domain, and its default domain back', async () => {
    const disk = 'Device:demo/0000:28:00.0';
    const before = await api.ask(`{ node(id: "${disk}") { ... on Device { domain { id } } } }`);
    const { attachments, fault } = await road('demo', 'pci', disk, disk);
    expect(attachments).toMatchObject([{ kind: 'PRIMARY', pasid: null }]);
    expect(fault).toMatchObject({ reason: { hex: '0x79' }, sourceId: '0000:28:00.0' });
    expect(await api.ask(`{ node(id: "${disk}") { ... on Device { domain { id } } } }`)).toEqual(before);
  });

  test('functions behind a conventional bridge go as one group, under the requester id of the bridge', async () => {
    const { attachments, fault } = await road('demo', 'pci', 'Group:demo/31', 'Device:demo/0000:39:04.1');
    expect(attachments.map(({ device }) => device.address)).toEqual([
      '0000:38:00.0',
      '0000:39:04.0',
      '0000:39:04.1',
    ]);
    expect(fault).toMatchObject({ sourceId: '0000:39:00.0', endpoint: { name: '0000:39:04.1' } });
  });

  test('without scalable mode an unmapped read is reason 6, the PTE read access that is not set', async () => {
    await run(`createPlatform(input: { name: "desk", template: "legacy-desktop" })`);
    const { nodes } = (
      await api.ask<{
        platform: { groups: { nodes: { id: string; members: { id: string }[]; viable: boolean }[] } };
      }>(`{ platform(name: "desk") { groups { nodes { id viable members { id } } } } }`)
    ).platform.groups;
    const nvme = nodes.find(({ members }) => members.length > 1)!;
    const { attachments, fault } = await road('desk', 'pci', nvme.id, nvme.members.at(-1)!.id);
    expect(attachments).toHaveLength(nvme.members.length);
    expect(fault!.reason.hex).toBe('0x06');
  });
});
