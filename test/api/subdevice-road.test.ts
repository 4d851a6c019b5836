import { type Api, startApi } from '../support/api.js';

const PARENT = 'Device:demo/0000:6a:01.0';
const UUID = '4b20d080-1b54-4048-85b3-a6a62d165c01';
const SUBDEVICE = `Subdevice:demo/${UUID}`;

let api: Api;
let domain: string;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

/** Runs one mutation field and gives its payload. */
async function run<T>(field: string, selection: string): Promise<T> {
  const { result } = await api.ask<{ result: T }>(
    `mutation { result: ${field} { __typename ... on Error { message } ${selection} } }`,
  );
  return result;
}

const invalidations = '... on InvalidationEvent { descriptor granularity domainIdTag pasid address words }';

/** Descriptors other than waits, as `KIND/GRANULARITY`. */
const kinds = (events: { descriptor?: string; granularity?: string }[]) =>
  events
    .filter((event) => event.descriptor && event.descriptor !== 'WAIT')
    .map((e) => `${e.descriptor}/${e.granularity}`);

describe('the road of a subdevice on the demo platform', () => {
  test('enabling AUX sets PASIDE in the context entry of the parent and invalidates it, once', async () => {
    const enable = `enableFeature(input: { device: "${PARENT}", feature: AUX })`;
    const selection = `... on DevicePayload { events { ${invalidations} } device { features { feature enabled } contextEntry { fields { name value } } } }`;
    const first = await run<Payload>(enable, selection);
    expect(first.__typename).toBe('DevicePayload');
    expect(kinds(first.events)).toEqual(['CONTEXT_CACHE/DEVICE']);
    // Context-cache descriptor, device-selective (G=3), source id 6a:01.0. VT-d 6.5.2.1.
    expect(first.events.find((event) => event.descriptor)!.words![0]).toMatch(/^0x6a08[0-9a-f]{4}0031$/);
    expect(first.device.features).toContainEqual({ feature: 'AUX', enabled: true });
    expect(first.device.contextEntry.fields).toContainEqual({ name: 'PASIDE', value: '0x1' });
    expect(kinds((await run<Payload>(enable, selection)).events)).toEqual([]);
  });

  test('a new subdevice has a group of its own without default domain, and the unit of its parent', async () => {
    const { subdevice } = await run<Payload>(
      `createMdev(input: { parent: "${PARENT}", type: "idxd-1dwq-v1", uuid: "${UUID.toUpperCase()}" })`,
      `... on CreateMdevPayload { subdevice {
         id pasid iommuOps { name pageSizeBitmap } iommuUnit { name } parent { iommuUnit { name } }
         domain { id } group { members { id } defaultDomain { id } domain { id } because { kind } } } }`,
    );
    expect(subdevice).toMatchObject({
      id: SUBDEVICE,
      pasid: null,
      domain: null,
      iommuOps: { name: 'siov_iommu_ops', pageSizeBitmap: '0xfffffffffffff000' },
      group: {
        members: [{ id: SUBDEVICE }],
        defaultDomain: null,
        domain: null,
        because: [{ kind: 'SUBDEVICE' }],
      },
    });
    expect(subdevice.iommuUnit).toEqual(subdevice.parent.iommuUnit);
  });

  test('a UUID that exists is refused with EEXIST, also under another parent', async () => {
    const again = await run<Payload>(
      `createMdev(input: { parent: "Device:demo/0000:e7:01.0", type: "idxd-1dwq-v1", uuid: "${UUID}" })`,
      '... on KernelError { errno function }',
    );
    expect(again).toMatchObject({ __typename: 'KernelError', errno: 'EEXIST' });
  });

  test('the mdev bus allocates UNMANAGED domains and no others', async () => {
    for (const type of ['DMA', 'IDENTITY', 'BLOCKED']) {
      const refused = await run<Payload>(
        `allocDomain(input: { platform: "Platform:demo", bus: "mdev", type: ${type} })`,
        '... on KernelError { errno number function }',
      );
      expect(refused).toMatchObject({ __typename: 'KernelError', function: 'iommu_domain_alloc' });
    }
    const made = await run<Payload>(
      `allocDomain(input: { platform: "Platform:demo", bus: "mdev" })`,
      '... on DomainPayload { domain { id type ops { name } attachments { pasid } } }',
    );
    expect(made.domain).toMatchObject({
      type: 'UNMANAGED',
      ops: { name: 'siov_iommu_ops' },
      attachments: [],
    });
    domain = made.domain.id;
  });

  test('attaching allocates the lowest PASID and writes a second-stage PASID entry', async () => {
    const { attachments, warnings } = await run<Payload>(
      `attach(input: { domain: "${domain}", target: "${SUBDEVICE}" })`,
      `... on AttachPayload { warnings attachments { kind pasid domainIdTag device { id pasidTable { pasid domain { id } entry { present fields { name value } } } } } }`,
    );
    expect(warnings).toEqual([]);
    expect(attachments).toMatchObject([{ kind: 'AUX', pasid: 1, device: { id: PARENT } }]);
    const entry = attachments[0].device.pasidTable.find(({ pasid }) => pasid === 1)!;
    expect(entry.domain).toEqual({ id: domain });
    // PGTT 010 is second-stage only. VT-d 9.6 "Scalable-Mode PASID Table Entry".
    expect(entry.entry.fields).toEqual(
      expect.arrayContaining([
        { name: 'P', value: '0x1' },
        { name: 'PGTT', value: '0x2' },
        { name: 'DID', value: `0x${attachments[0].domainIdTag.toString(16)}` },
      ]),
    );
  });

  test('map splits a range as the kernel does', async () => {
    const big = await run<Payload>(
      `map(input: { domain: "${domain}", iova: "0x200000", physical: "0x140000000", size: "4M" })`,
      '... on MapPayload { pages { pageSize count } }',
    );
    expect(big.pages).toEqual([{ pageSize: '2097152', count: 2 }]);
    const small = await run<Payload>(
      `map(input: { domain: "${domain}", iova: "0x800000", physical: "0x140801000", size: "4M", access: [READ] })`,
      '... on MapPayload { pages { pageSize count } }',
    );
    expect(small.pages).toEqual([{ pageSize: '4096', count: 1024 }]);
  });

  test('iovaToPhys and walk agree on where an address leads', async () => {
    const { node } = await api.ask<{ node: Payload }>(
      `{ node(id: "${domain}") { ... on Domain { iovaToPhys(iova: "0x201234") none: iovaToPhys(iova: "0x10000000")
         walk(iova: "0x201234") { level present words } mappings { nodes { iova physical size access } totalCount } } } }`,
    );
    expect(node.iovaToPhys).toBe('0x140001234');
    expect(node.none).toBeNull();
    expect(node.walk.map(({ level }) => level)).toEqual(['SL5', 'SL4', 'SL3', 'SL2']);
    // A 2 MiB leaf: R, W, PS, and no snoop bit because map asks for no CACHE.
    expect(BigInt(node.walk[3].words[0]) & 0xfffffffff083n).toBe(0x140000083n);
    expect(node.mappings).toEqual({
      totalCount: 2,
      nodes: [
        { iova: '0x200000', physical: '0x140000000', size: '4194304', access: ['READ', 'WRITE'] },
        { iova: '0x800000', physical: '0x140801000', size: '4194304', access: ['READ'] },
      ],
    });
  });

  test('DMA moves bytes through the tables, and through the cache the second time', async () => {
    const bytes = Buffer.from('what a device wrote').toString('base64');
    const dma = (input: string) =>
      run<Payload>(
        `dma(input: { endpoint: "${SUBDEVICE}", address: "0x2ffff8", ${input} })`,
        '... on DmaPayload { outcome data segments { address physical size cached } fault { id } }',
      );
    const written = await dma(`size: 19, access: WRITE, data: "${bytes}"`);
    expect(written).toMatchObject({ outcome: 'COMPLETED', fault: null });
    expect(written.segments).toEqual([
      { address: '0x2ffff8', physical: '0x1400ffff8', size: '8', cached: false },
      { address: '0x300000', physical: '0x140100000', size: '11', cached: true },
    ]);
    const read = await dma('size: 19, access: READ');
    expect(read.data).toBe(bytes);
    expect(read.segments.every(({ cached }) => cached)).toBe(true);
    const { words } = await api.ask<{ words: string[] }>(
      `{ words: peekMemory(platform: "Platform:demo", address: "0x1400ffff8", words: 1) }`,
    );
    expect(words).toEqual([`0x${Buffer.from('what a d').reverse().toString('hex')}`]);
  });

  test('a write to a read-only page faults with 0x85, is recorded, and the kernel says so in its 5.10 text', async () => {
    const refused = await run<Payload>(
      `dma(input: { endpoint: "${SUBDEVICE}", address: "0x800010", access: WRITE })`,
      `... on DmaPayload { outcome segments { size } fault { pasid sourceId address access recorded reason { code hex mnemonic }
         endpoint { id } iommuUnit { name faultRecords { low high } } kernelLogLine }
         events { __typename ... on KernelLogEvent { text } } }`,
    );
    const line =
      'DMAR: [DMA Write] Request device [6a:01.0] PASID 1 fault addr 800000 [fault reason 133] SM: No write permission';
    expect(refused).toMatchObject({
      outcome: 'FAULTED',
      segments: [],
      fault: {
        pasid: 1,
        sourceId: '0000:6a:01.0',
        address: '0x800000',
        access: 'WRITE',
        recorded: true,
        reason: { code: 0x85, hex: '0x85', mnemonic: 'SGN.6' },
        endpoint: { id: SUBDEVICE },
      },
    });
    expect(refused.fault!.kernelLogLine!.startsWith(line.split(' SM:')[0])).toBe(true);
    expect(refused.events.filter(({ text }) => text).map(({ text }) => text)).toEqual([
      'DMAR: DRHD: handling fault status reg 2',
      refused.fault!.kernelLogLine,
    ]);
    // The driver cleared F (bit 63); PP (31), reason 0x85, PASID 1 and the source id are still there.
    const { low, high } = refused.fault!.iommuUnit.faultRecords[0];
    expect([low, high]).toEqual(['0x800000', '0x1' + '85' + '80006a08']);
  });

  test('DMA with a PASID nobody attached faults with 0x59', async () => {
    const { fault } = await run<Payload>(
      `dma(input: { endpoint: "${PARENT}", pasid: 9, address: "0x200000" })`,
      '... on DmaPayload { fault { pasid reason { hex mnemonic } } }',
    );
    expect(fault).toMatchObject({ pasid: 9, reason: { hex: '0x59', mnemonic: 'SPT.2' } });
  });

  test('unmap invalidates page-selectively, before it is done, and the translation is gone', async () => {
    const { unmapped, events } = await run<Payload>(
      `unmap(input: { domain: "${domain}", iova: "0x200000", size: "2M" })`,
      `... on UnmapPayload { unmapped events { ${invalidations} } }`,
    );
    expect(unmapped).toBe('2097152');
    expect(kinds(events)).toEqual(['IOTLB/PAGE']);
    const { fault } = await run<Payload>(
      `dma(input: { endpoint: "${SUBDEVICE}", address: "0x200000" })`,
      '... on DmaPayload { fault { reason { hex } } }',
    );
    expect(fault).toMatchObject({ reason: { hex: '0x79' } });
  });

  test('a fault never seen by a cache leaves no entry that is stale', async () => {
    const { platform } = await api.ask<{ platform: Payload }>(
      `{ platform(name: "demo") { iommuUnits { caches(first: 1000) { kind stale } } } }`,
    );
    expect(platform.iommuUnits.flatMap(({ caches }) => caches).filter(({ stale }) => stale)).toEqual([]);
  });

  test('a device that translates for itself keeps its copy: 5.10 forgets device-TLBs of auxiliary domains', async () => {
    const dma = () =>
      run<Payload>(
        `dma(input: { endpoint: "${SUBDEVICE}", address: "0x400000", translation: DEVICE_TLB })`,
        '... on DmaPayload { outcome segments { cached } }',
      );
    expect((await dma()).outcome).toBe('COMPLETED');
    const { events } = await run<Payload>(
      `unmap(input: { domain: "${domain}", iova: "0x400000", size: "2M" })`,
      `... on UnmapPayload { events { ${invalidations} } }`,
    );
    expect(kinds(events)).toEqual(['IOTLB/PAGE']);
    expect(await dma()).toMatchObject({ outcome: 'COMPLETED', segments: [{ cached: true }] });
    const { platform } = await api.ask<{ platform: Payload }>(
      `{ platform(name: "demo") { iommuUnits { caches(kind: DEVICE_TLB) { kind address stale } } } }`,
    );
    expect(platform.iommuUnits.flatMap(({ caches }) => caches)).toEqual([
      { kind: 'DEVICE_TLB', address: '0x400000', stale: true },
    ]);
  });

  test('detach tears the PASID entry down, with the descriptors the driver submits', async () => {
    const { events } = await run<Payload>(
      `detach(input: { domain: "${domain}", target: "${SUBDEVICE}" })`,
      `... on DetachPayload { events { ${invalidations} } }`,
    );
    expect(kinds(events).slice(0, 2)).toEqual(['PASID_CACHE/PASID', 'PASID_IOTLB/PASID']);
    const { node } = await api.ask<{ node: Payload }>(
      `{ node(id: "${PARENT}") { ... on Device { pasidTable { pasid } } } }`,
    );
    expect(node.pasidTable.map(({ pasid }) => pasid)).toEqual([0]);
  });

  test('removing the subdevice gives its group number back', async () => {
    const removed = await run<Payload>(
      `removeMdev(input: { subdevice: "${SUBDEVICE}" })`,
      '... on RemoveMdevPayload { removedId events { __typename ... on TopologyEvent { change subjectId subject { id } } } }',
    );
    expect(removed.removedId).toBe(SUBDEVICE);
    expect(removed.events.filter((event) => event.change === 'GROUP_REMOVED')).toMatchObject([
      { subject: null },
    ]);
    const { node } = await api.ask<{ node: unknown }>(`{ node(id: "${SUBDEVICE}") { id } }`);
    expect(node).toBeNull();
    const freed = await run<Payload>(
      `freeDomain(input: { domain: "${domain}" })`,
      '... on FreeDomainPayload { freedId }',
    );
    expect(freed.freedId).toBe(domain);
  });
});

/** The fields these tests read, of whatever payload. */
interface Payload {
  __typename: string;
  message: string;
  warnings: string[];
  events: {
    __typename: string;
    descriptor?: string;
    granularity?: string;
    words?: string[];
    text?: string;
    change?: string;
  }[];
  device: { features: object[]; contextEntry: { fields: object[] } };
  subdevice: { iommuUnit: object; parent: { iommuUnit: object } };
  domain: { id: string };
  attachments: {
    domainIdTag: number;
    device: { pasidTable: { pasid: number; domain: object; entry: { fields: object[] } }[] };
  }[];
  pages: object[];
  iovaToPhys: string;
  none: null;
  walk: { level: string; words: string[] }[];
  mappings: object;
  segments: { cached: boolean }[];
  data: string;
  outcome: string;
  fault: {
    kernelLogLine: string | null;
    iommuUnit: { faultRecords: { low: string; high: string }[] };
  } | null;
  unmapped: string;
  removedId: string;
  freedId: string;
  pasidTable: { pasid: number }[];
  iommuUnits: { caches: { stale: boolean }[] }[];
}
