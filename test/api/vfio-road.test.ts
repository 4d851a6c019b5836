import { type Api, startApi } from '../support/api.js';

const PARENT = 'Device:demo/0000:6a:01.0';
const UUID = '4b20d080-1b54-4048-85b3-a6a62d165c07';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

type Result = Record<string, unknown> & { readonly __typename: string; readonly errno?: string };

async function run(field: string, selection = ''): Promise<Result> {
  const { result } = await api.ask<{ result: Result }>(
    `mutation { result: ${field} { __typename ... on Error { message } ... on KernelError { errno } ${selection} } }`,
  );
  return result;
}

const CONTAINER = `id iommuType dmaEntriesAvailable pageSizes groups { id } domains { id }
  iovaRanges { start last } mappings { iova vaddr size access }`;
const payload = `... on ContainerPayload { container { ${CONTAINER} }
  events { ... on TopologyEvent { change subjectId } ... on MappingEvent { mapped iova size } } }`;

describe('the road of a container on the demo platform', () => {
  const id = 'VfioContainer:demo/1';
  let group: string;

  test('a container is opened for a process, and can be fetched by its id', async () => {
    await run(`enableFeature(input: { device: "${PARENT}", feature: AUX })`);
    const created = await run(
      `createMdev(input: { parent: "${PARENT}", type: "idxd-1dwq-v1", uuid: "${UUID}" })`,
      '... on CreateMdevPayload { subdevice { group { id } } }',
    );
    group = (created.subdevice as { group: { id: string } }).group.id;
    const opened = await run(
      'openContainer(input: { platform: "Platform:demo", userMemory: [{ start: "0x40000000", size: "4M", access: [READ, WRITE], pageSize: "2M" }] })',
      payload,
    );
    expect(opened).toMatchObject({
      container: { id, iommuType: null, dmaEntriesAvailable: 65535, groups: [], domains: [], pageSizes: [] },
      events: [{ change: 'CONTAINER_OPENED', subjectId: id }],
    });
    const { node } = await api.ask<{ node: unknown }>(`{ node(id: "${id}") { __typename id } }`);
    expect(node).toEqual({ __typename: 'VfioContainer', id });
  });

  test('a group is added, and a backend attaches it', async () => {
    expect(await run(`setContainerIommu(input: { container: "${id}", type: TYPE1V2 })`)).toMatchObject({
      __typename: 'KernelError',
      errno: 'EINVAL',
    });
    await run(`addGroupToContainer(input: { container: "${id}", group: "${group}" })`);
    const set = await run(`setContainerIommu(input: { container: "${id}", type: TYPE1V2 })`, payload);
    expect(set).toMatchObject({
      container: {
        iommuType: 'TYPE1V2',
        groups: [{ id: group }],
        iovaRanges: [{ start: '0x0', last: '0xfedfffff' }, { start: '0xfef00000' }],
      },
    });
    const { group: found } = await api.ask<{ group: unknown }>(
      `{ group: node(id: "${group}") { ... on Group { container { id } } } }`,
    );
    expect(found).toEqual({ container: { id } });
  });

  test('a device of it is opened and closed, and until then the group stays', async () => {
    const device = `group: "${group}", name: "${UUID}"`;
    const payload =
      '... on VfioDevicePayload { device { ... on Node { id } } container { openDevices { files configSize interrupts { kind count } } supports(extension: 3) } events { ... on TopologyEvent { change } } }';
    expect(await run(`openVfioDevice(input: { ${device} })`, payload)).toMatchObject({
      device: { id: `Subdevice:demo/${UUID}` },
      container: { openDevices: [{ files: 1, configSize: null, interrupts: [] }], supports: true },
      events: [{ change: 'VFIO_DEVICE_OPENED' }],
    });
    const leave = `removeGroupFromContainer(input: { container: "${id}", group: "${group}" })`;
    expect(await run(leave)).toMatchObject({ errno: 'EBUSY' });
    expect(await run(`closeVfioDevice(input: { ${device} })`, payload)).toMatchObject({
      container: { openDevices: [] },
      events: [{ change: 'VFIO_DEVICE_CLOSED' }],
    });
    expect(await run(`closeVfioDevice(input: { ${device} })`)).toMatchObject({ errno: 'EBADF' });
  });

  test('memory of the process is mapped, and what it does not have is not', async () => {
    const map = (iova: string, vaddr: string, size: string) =>
      run(
        `vfioMapDma(input: { container: "${id}", iova: "${iova}", vaddr: "${vaddr}", size: "${size}", access: [READ, WRITE] })`,
        payload,
      );
    expect(await map('0x100000', '0x50000000', '4K')).toMatchObject({ errno: 'EFAULT' });
    expect(await map('0xfee00000', '0x40000000', '4K')).toMatchObject({ errno: 'EINVAL' });
    const mapped = await map('0x200000', '0x40000000', '2M');
    expect(mapped).toMatchObject({
      container: {
        dmaEntriesAvailable: 65534,
        mappings: [{ iova: '0x200000', vaddr: '0x40000000', access: ['READ', 'WRITE'] }],
      },
      events: [{ mapped: true, iova: '0x200000' }],
    });
    expect(await map('0x300000', '0x40000000', '4K')).toMatchObject({ errno: 'EEXIST' });
  });

  test('unmapping gives what the ioctl writes back', async () => {
    const unmap = (iova: string, size: string) =>
      run(
        `vfioUnmapDma(input: { container: "${id}", iova: "${iova}", size: "${size}" })`,
        '... on VfioUnmapPayload { unmapped container { dmaEntriesAvailable } }',
      );
    expect(await unmap('0x200000', '4K')).toMatchObject({ errno: 'EINVAL' });
    expect(await unmap('0x800000', '4K')).toMatchObject({ unmapped: '0' });
    expect(await unmap('0x200000', '2M')).toMatchObject({
      unmapped: '2097152',
      container: { dmaEntriesAvailable: 65535 },
    });
  });

  test('closing takes the group out, and the id names nothing afterwards', async () => {
    const closed = await run(
      `closeContainer(id: "${id}")`,
      '... on CloseContainerPayload { closedId platform { containers { id } } }',
    );
    expect(closed).toMatchObject({ closedId: id, platform: { containers: [] } });
    expect(await run(`closeContainer(id: "${id}")`)).toMatchObject({ __typename: 'NotFoundError' });
    const again = await run('openContainer(input: { platform: "Platform:demo" })', payload);
    expect(again).toMatchObject({ container: { id: 'VfioContainer:demo/2' } });
  });

  test('a process pins as much as it may lock, and hears what it can do about it', async () => {
    const selection = '... on ContainerPayload { container { id lockedMemory lockedMemoryLimit } }';
    const opened = await run(
      'openContainer(input: { platform: "Platform:demo", lockedMemoryLimit: "64K" })',
      selection,
    );
    const { container } = opened as unknown as { container: { id: string } };
    await run(`addGroupToContainer(input: { container: "${container.id}", group: "${group}" })`);
    await run(`setContainerIommu(input: { container: "${container.id}", type: TYPE1V2 })`);
    const input = (iova: string, size: string) =>
      `{ container: "${container.id}", iova: "${iova}", vaddr: "0x1000", size: "${size}", access: [READ, WRITE] }`;
    expect(await run(`vfioMapDma(input: ${input('0x0', '64K')})`, selection)).toMatchObject({
      container: { lockedMemory: '65536', lockedMemoryLimit: '65536' },
    });
    const dirty = (rest: string) =>
      run(
        `vfioDirtyPages(input: { container: "${container.id}", ${rest} })`,
        '... on VfioDirtyPagesPayload { dirty { iova size } container { recordsDirtyPages } }',
      );
    const read = 'action: GET_BITMAP, iova: "0x0", size: "1M"';
    expect(await dirty(read)).toMatchObject({ errno: 'EINVAL' });
    expect(await dirty('action: START')).toMatchObject({ dirty: [], container: { recordsDirtyPages: true } });
    expect(await dirty(read)).toMatchObject({ dirty: [{ iova: '0x0', size: '65536' }] });
    expect(await dirty('action: STOP, size: "4K"')).toMatchObject({ __typename: 'InvalidInputError' });
    expect(await dirty('action: STOP')).toMatchObject({ container: { recordsDirtyPages: false } });
    expect(await run(`vfioMapDma(input: ${input('0x100000', '4K')})`)).toMatchObject({ errno: 'ENOMEM' });
    const { whyNot } = await api.ask<{ whyNot: object[] }>(
      `{ whyNot(command: { vfioMapDma: ${input('0x100000', '4K')} }) { code } }`,
    );
    expect(whyNot).toEqual([{ code: 'MEMORY_LOCK_LIMIT' }]);
    await run(`closeContainer(id: "${container.id}")`);
  });

  test('user memory that cannot be is said to be so', async () => {
    const open = (memory: string) =>
      run(`openContainer(input: { platform: "Platform:demo", userMemory: [${memory}] })`);
    expect(await open('{ start: "0x1000", size: "2M", access: [READ], pageSize: "2M" }')).toMatchObject({
      __typename: 'InvalidInputError',
    });
    expect(await open('{ start: "0x0", size: "4K", access: [EXECUTE] }')).toMatchObject({
      __typename: 'InvalidInputError',
    });
  });
});
