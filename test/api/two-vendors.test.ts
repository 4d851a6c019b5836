import { type Api, startApi } from '../support/api.js';

const INTEL = '4b20d080-1b54-4048-85b3-a6a62d165c01';
const SECOND = '4b20d080-1b54-4048-85b3-a6a62d165c02';
const SOFTWARE = '4b20d080-1b54-4048-85b3-a6a62d165c03';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

interface View {
  platform: {
    kernel: { subdeviceOps: boolean };
    buses: { name: string; iommuOps: { name: string } | null }[];
    subdevices: { nodes: { uuid: string; iommuOps: { name: string } | null; group: object | null }[] };
    softwareSubdevices: {
      iommuOps: { name: string } | null;
      group: object | null;
      parent: { name: string };
    }[];
  };
}

/** A platform of the template with a subdevice of each parent. */
async function populated(busOrganisation: string): Promise<View['platform']> {
  const name = busOrganisation.toLowerCase().replace(/_/g, '-');
  const create = (parent: string, type: string, uuid: string) =>
    `createMdev(input: { parent: "Device:${name}/${parent}", type: "${type}", uuid: "${uuid}" }) { __typename }`;
  const made = await api.ask<Record<string, { __typename: string }>>(`mutation {
    p: createPlatform(input: { name: "${name}", template: "two-vendors", kernel: { busOrganisation: ${busOrganisation} } }) { __typename }
    a: ${create('0000:6a:01.0', 'idxd-1dwq-v1', INTEL)}
    b: ${create('0001:03:00.0', 'accel2-queue', SECOND)}
    c: createSoftwareMdev(input: { parent: "SoftwareDevice:${name}/mtty", type: "mtty-2", uuid: "${SOFTWARE}" }) { __typename }
  }`);
  expect(Object.values(made).map((each) => each.__typename)).toEqual([
    'PlatformPayload',
    'CreateMdevPayload',
    'CreateMdevPayload',
    'CreateSoftwareMdevPayload',
  ]);
  const { platform } = await api.ask<View>(`{ platform(name: "${name}") {
    kernel { subdeviceOps }
    buses { name iommuOps { name } }
    subdevices { nodes { uuid iommuOps { name } group { because { kind } } } }
    softwareSubdevices { iommuOps { name } group { members { id } because { kind } } parent { name } }
  } }`);
  return platform;
}

const tables = (platform: View['platform']) =>
  [...platform.subdevices.nodes, ...platform.softwareSubdevices].map((each) => each.iommuOps?.name ?? null);
const grouped = (platform: View['platform']) =>
  [...platform.subdevices.nodes, ...platform.softwareSubdevices].map((each) => each.group !== null);

test('with one table a bus, the second driver to come is refused and its subdevices have no group', async () => {
  const platform = await populated('ONE_OPS_PER_BUS');
  expect(tables(platform)).toEqual(['amd_iommu_ops', 'amd_iommu_ops', 'amd_iommu_ops']);
  expect(grouped(platform)).toEqual([false, true, false]);
  expect(platform.kernel.subdeviceOps).toBe(false);
});

test.each(['PARENT_DERIVED', 'BUS_PER_PARENT_TYPE'])(
  '%s serves each subdevice from its own',
  async (name) => {
    const platform = await populated(name);
    expect(tables(platform)).toEqual(['siov_iommu_ops', 'amd_iommu_ops', null]);
    expect(grouped(platform)).toEqual([true, true, true]);
    expect(platform.softwareSubdevices[0].group).toEqual({
      members: [{ id: `SoftwareSubdevice:${name.toLowerCase().replace(/_/g, '-')}/${SOFTWARE}` }],
      because: [],
    });
    expect(platform.softwareSubdevices[0].parent.name).toBe('mtty');
  },
);

test('DMA through the second vendor’s unit is refused, not imitated', async () => {
  const { dma } = await api.ask<{ dma: { __typename: string; message: string } }>(
    `mutation { dma(input: { endpoint: "Device:one-ops-per-bus/0001:03:00.0", address: "0x1000" }) {
       __typename ... on Error { message } } }`,
  );
  expect(dma.__typename).toBe('InvalidInputError');
  expect(dma.message).toContain('not modelled');
});

test('a software subdevice is removed by its own mutation, and the type of a group is written', async () => {
  const { removed, type } = await api.ask<Record<string, object>>(`mutation {
    removed: removeSoftwareMdev(input: { subdevice: "SoftwareSubdevice:parent-derived/${SOFTWARE}" }) {
      ... on RemoveSoftwareMdevPayload { removedId } }
    type: setGroupType(input: { group: "Group:parent-derived/0", type: "identity" }) {
      ... on KernelError { errno function } }
  }`);
  expect(removed).toEqual({ removedId: `SoftwareSubdevice:parent-derived/${SOFTWARE}` });
  expect(type).toEqual({ errno: 'EACCES', function: 'iommu_group_store_type' });
});
