import { type Api, startApi } from '../support/api.js';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const state = () =>
  api.ask<{ platform: object }>(
    `{ platform(name: "demo") { revision lastSequence domains { totalCount } groups { totalCount } } }`,
  );

/** Runs one mutation field, and expects that it changed nothing. */
async function refused(field: string): Promise<Record<string, unknown>> {
  const before = await state();
  const { result } = await api.ask<{ result: Record<string, unknown> }>(
    // Nested in a fragment on the interface, types that this field's union lacks may be named.
    `mutation { result: ${field} { __typename ... on Error { message ... on InvalidInputError { path } ... on NotFoundError { id } ... on ConflictError { existing } } } }`,
  );
  expect(await state()).toEqual(before);
  return result;
}

describe('bad input is refused with the argument at fault, and nothing changes', () => {
  test.each([
    [
      'map(input: { domain: "Domain:demo/999", iova: 0, physical: 0, size: 4096 })',
      { __typename: 'NotFoundError', id: 'Domain:demo/999' },
    ],
    [
      'map(input: { domain: "Domain:nowhere/1", iova: 0, physical: 0, size: 4096 })',
      { __typename: 'NotFoundError' },
    ],
    [
      'map(input: { domain: "Group:demo/1", iova: 0, physical: 0, size: 4096 })',
      { __typename: 'InvalidInputError', path: ['input', 'domain'] },
    ],
    [
      'map(input: { domain: "Domain:demo/1", iova: 0, physical: 0, size: 4096, access: [EXECUTE] })',
      { __typename: 'InvalidInputError', path: ['input', 'access'] },
    ],
    [
      'dma(input: { endpoint: "Device:demo/0000:6a:01.0", address: 0, size: 0 })',
      { __typename: 'InvalidInputError', path: ['input', 'size'] },
    ],
    [
      'dma(input: { endpoint: "Device:demo/0000:6a:01.0", address: 0, size: "17M" })',
      { __typename: 'InvalidInputError', path: ['input', 'size'] },
    ],
    [
      'dma(input: { endpoint: "Device:demo/0000:6a:01.0", address: 0, pasid: 1048576 })',
      { __typename: 'InvalidInputError', path: ['input', 'pasid'] },
    ],
    [
      'dma(input: { endpoint: "Device:demo/0000:6a:01.0", address: 0, data: "AAAA" })',
      { __typename: 'InvalidInputError', path: ['input', 'data'] },
    ],
    [
      'dma(input: { endpoint: "Device:demo/0000:ff:1f.7", address: 0 })',
      { __typename: 'NotFoundError', id: 'Device:demo/0000:ff:1f.7' },
    ],
    [
      'attach(input: { domain: "Domain:demo/1", target: "IommuUnit:demo/dmar0" })',
      { __typename: 'InvalidInputError', path: ['input', 'target'] },
    ],
    ['removeMdev(input: { subdevice: "nonsense" })', { __typename: 'NotFoundError', id: 'nonsense' }],
    [
      'createPlatform(input: { name: "demo", template: "legacy-desktop" })',
      { __typename: 'ConflictError', existing: 'Platform:demo' },
    ],
    ['createPlatform(input: { name: "x", template: "no-such" })', { __typename: 'NotFoundError' }],
    [
      'createPlatform(input: { name: "a b", template: "legacy-desktop" })',
      { __typename: 'InvalidInputError', path: ['input', 'name'] },
    ],
    [
      'createPlatform(input: { name: "x", template: "legacy-desktop", kernel: { options: [{ name: "lower case", value: "y" }] } })',
      { __typename: 'InvalidInputError', path: ['input', 'kernel', 'options'] },
    ],
    [
      'pokeMemory(input: { platform: "Platform:demo", address: 4, words: [0] })',
      { __typename: 'InvalidInputError', path: ['input', 'address'] },
    ],
    [
      'pokeMemory(input: { platform: "Platform:demo", address: 8, words: [] })',
      { __typename: 'InvalidInputError', path: ['input', 'words'] },
    ],
    [
      'writeRegister(input: { unit: "IommuUnit:demo/dmar0", register: "NONE", value: 0 })',
      { __typename: 'InvalidInputError', path: ['input', 'register'] },
    ],
    [
      'writeRegister(input: { unit: "IommuUnit:demo/dmar99", register: "GCMD", value: 0 })',
      { __typename: 'NotFoundError' },
    ],
    [
      'submitDescriptor(input: { unit: "IommuUnit:demo/dmar0", words: [1, 2] })',
      { __typename: 'InvalidInputError', path: ['input', 'words'] },
    ],
    [
      'signalInterrupt(input: { device: "Device:demo/0000:6a:01.0", address: 0, data: 0 })',
      { __typename: 'InvalidInputError', path: ['input', 'address'] },
    ],
    [
      'requestPage(input: { endpoint: "Device:demo/0000:6a:01.0", address: 0, groupIndex: 512 })',
      { __typename: 'InvalidInputError', path: ['input', 'groupIndex'] },
    ],
    ['deletePlatform(id: "Platform:none")', { __typename: 'NotFoundError' }],
    [
      'deletePlatform(id: "Platform:demo", idempotencyKey: "")',
      { __typename: 'InvalidInputError', path: ['idempotencyKey'] },
    ],
    [
      'createPlatform(input: { name: "x", template: "legacy-desktop", idempotencyKey: "" })',
      { __typename: 'InvalidInputError', path: ['input', 'idempotencyKey'] },
    ],
  ])('%s', async (field, expected) => {
    const result = await refused(field);
    expect(result).toMatchObject(expected);
    expect(result.message).toEqual(expect.stringMatching(/\w/));
  });

  test.each([
    ['a malformed address', `{ peekMemory(platform: "Platform:demo", address: "0xzz") }`],
    ['an address above 64 bits', `{ peekMemory(platform: "Platform:demo", address: "0x10000000000000000") }`],
    ['a negative page size', `{ platforms(first: -1) { totalCount } }`],
    ['a PCI address out of range', `{ platform(name: "demo") { device(address: "0000:00:20.0") { id } } }`],
    [
      'a UUID with a digit missing',
      `{ platform(name: "demo") { subdevice(uuid: "c0ffee00-0000-4000-8000-00000000000") { id } } }`,
    ],
    ['too many words', `{ peekMemory(platform: "Platform:demo", address: 0, words: 513) }`],
    ['memory beyond the machine', `{ peekMemory(platform: "Platform:demo", address: "0xfffffffffffff8") }`],
  ])('%s is a request error that says so', async (_title, query) => {
    const { body } = await api.raw(query);
    expect(body.errors).toHaveLength(1);
    expect(body.errors![0].message).not.toContain('Unexpected error');
  });
});

describe('an id in a filter', () => {
  const PLATFORM = (field: string) => `{ platform(name: "demo") { ${field} } }`;
  test.each([
    [
      'of another kind',
      'events(filter: { domain: "Group:demo/1" }) { nodes { id } }',
      'filter.domain',
      'Domain',
    ],
    ['that is none', 'events(filter: { domain: "nonsense" }) { nodes { id } }', 'filter.domain', 'Domain'],
    [
      'without a number',
      'events(filter: { domain: "Domain:demo/x" }) { nodes { id } }',
      'filter.domain',
      'Domain',
    ],
    [
      'of another platform',
      'events(filter: { domain: "Domain:x/1" }) { nodes { id } }',
      'filter.domain',
      'Domain',
    ],
    [
      'of another kind',
      'devices(filter: { group: "Domain:demo/1" }) { totalCount }',
      'filter.group',
      'Group',
    ],
    [
      'of another kind',
      'devices(filter: { iommuUnit: "Group:demo/1" }) { totalCount }',
      'filter.iommuUnit',
      'IommuUnit',
    ],
    [
      'of another platform',
      'subdevices(filter: { parent: "Device:x/0000:6a:01.0" }) { totalCount }',
      'filter.parent',
      'Device',
    ],
  ])('%s is a request error that names the argument: %s', async (_what, field, argument, kind) => {
    const { body, status } = await api.raw(PLATFORM(field));
    const [{ message, extensions }] = body.errors!;
    expect({ status, code: extensions?.code }).toEqual({ status: 400, code: 'BAD_USER_INPUT' });
    expect(message).toContain(`${argument} is "`);
    expect(message).toContain(`give the id of a ${kind} of platform demo.`);
  });

  test('of what is gone is none of these: events tell of it', async () => {
    const { body } = await api.raw(
      PLATFORM('events(filter: { domain: "Domain:demo/9999" }) { nodes { id } }'),
    );
    expect(body).toEqual({ data: { platform: { events: { nodes: [] } } } });
  });
});

describe('refusals of the kernel', () => {
  test('carry errno, number and function', async () => {
    const { result } = await api.ask<{ result: object }>(
      `mutation { result: createMdev(input: { parent: "Device:demo/0000:6a:01.0", type: "idxd-none" }) { __typename ... on KernelError { errno number function message blockers { code } } } }`,
    );
    expect(result).toMatchObject({ __typename: 'KernelError', errno: expect.stringMatching(/^E[A-Z]+$/) });
  });

  test('count as commands, because the kernel may have printed a line', async () => {
    const before = await api.ask<{ platform: { revision: number } }>(
      `{ platform(name: "demo") { revision } }`,
    );
    const { node } = await api.ask<{ node: { domain: { id: string } } }>(
      `{ node(id: "Device:demo/0000:6a:01.0") { ... on Device { domain { id } } } }`,
    );
    const { result } = await api.ask<{ result: object }>(
      `mutation { result: map(input: { domain: "${node.domain.id}", iova: "0x1000", physical: "0x2001", size: 4096 }) { __typename ... on KernelError { errno } } }`,
    );
    expect(result).toEqual({ __typename: 'KernelError', errno: 'EINVAL' });
    const { platform } = await api.ask<{
      platform: { revision: number; kernelLog: { nodes: { text: string }[] } };
    }>(`{ platform(name: "demo") { revision kernelLog(last: 1) { nodes { text } } } }`);
    expect(platform.revision).toBe(before.platform.revision + 1);
    expect(platform.kernelLog.nodes[0].text).toBe(
      'iommu: unaligned: iova 0x1000 pa 0x0000000000002001 size 0x1000 min_pagesz 0x1000',
    );
  });
});

describe('breaking things on purpose', () => {
  test('a raw descriptor the unit refuses is reported, and the queue stands at it until it is mended', async () => {
    await api.ask(
      `mutation { createPlatform(input: { name: "broken", template: "legacy-desktop" }) { __typename } }`,
    );
    const unit = 'IommuUnit:broken/dmar1';
    const submit = (words: string) =>
      api.ask<{ result: { events: { __typename: string; descriptor?: string; error?: string }[] } }>(
        `mutation { result: submitDescriptor(input: { unit: "${unit}", words: [${words}] }) {
           ... on HardwarePayload { events { __typename ... on InvalidationEvent { descriptor error } } } } }`,
      );
    const queue = async () =>
      (
        await api.ask<{
          node: {
            invalidationQueue: { base: string; head: number; tail: number };
            registers: { name: string; value: string }[];
          };
        }>(
          `{ node(id: "${unit}") { ... on IommuUnit { invalidationQueue { base head tail } registers { name value } } } }`,
        )
      ).node;
    const before = (await queue()).invalidationQueue;
    // Type 0 is defined by no revision. VT-d 6.5.2 "Queued Invalidation Interface".
    const { result } = await submit('0, 0');
    expect(result.events[0]).toMatchObject({
      __typename: 'InvalidationEvent',
      descriptor: 'UNKNOWN',
      error: expect.stringContaining('IQEI 3'),
    });
    const standing = await queue();
    expect(standing.invalidationQueue).toEqual({ ...before, tail: before.tail + 1 });
    expect(BigInt(standing.registers.find(({ name }) => name === 'FSTS')!.value) & 0x10n).toBe(0x10n);

    const slot = BigInt(before.base) + BigInt(before.head * 16);
    await api.ask(
      `mutation { pokeMemory(input: { platform: "Platform:broken", address: "0x${slot.toString(16)}", words: ["0x12", 0] }) { __typename } }`,
    );
    await api.ask(
      `mutation { writeRegister(input: { unit: "${unit}", register: "FSTS", value: "0x10" }) { __typename } }`,
    );
    const mended = (await queue()).invalidationQueue;
    expect(mended.head).toBe(mended.tail);
  });

  test('a descriptor for a queue that is switched off is refused before it is logged', async () => {
    await api.ask(
      `mutation { writeRegister(input: { unit: "IommuUnit:broken/dmar0", register: "GCMD", value: 0 }) { __typename } }`,
    );
    const { result } = await api.ask<{ result: object }>(
      `mutation { result: submitDescriptor(input: { unit: "IommuUnit:broken/dmar0", words: ["0x12", 0] }) { __typename ... on Error { message } } }`,
    );
    expect(result).toEqual({
      __typename: 'InvalidInputError',
      message: 'The invalidation queue of dmar0 is not enabled.',
    });
  });

  test('what a device was granted without asking for write is not stale', async () => {
    const disk = 'Device:demo/0000:e7:01.0';
    const { allocDomain } = await api.ask<{ allocDomain: { domain: { id: string } } }>(
      `mutation { allocDomain(input: { platform: "Platform:demo" }) { ... on DomainPayload { domain { id } } } }`,
    );
    await api.ask(`mutation {
      attach(input: { domain: "${allocDomain.domain.id}", target: "${disk}" }) { __typename }
      map(input: { domain: "${allocDomain.domain.id}", iova: "0x200000", physical: 0, size: "2M" }) { __typename }
      dma(input: { endpoint: "${disk}", address: "0x201000", translation: TRANSLATION_REQUEST }) { __typename }
    }`);
    const { platform } = await api.ask<{
      platform: { iommuUnits: { caches: { access: string[]; stale: boolean }[] }[] };
    }>(`{ platform(name: "demo") { iommuUnits { caches(kind: DEVICE_TLB) { access stale } } } }`);
    expect(platform.iommuUnits.flatMap(({ caches }) => caches)).toEqual([{ access: ['READ'], stale: false }]);
  });
});

test.each([
  'Group:demo/01',
  'Group:demo/1e0',
  'Group:demo/',
  'Domain:demo/0x1',
  'Event:demo/1.0',
  'Device:demo/6a:01.0',
])('%s, which no object has as its id, fetches nothing', async (id) => {
  expect(await api.ask(`{ node(id: "${id}") { id } }`)).toEqual({ node: null });
});
