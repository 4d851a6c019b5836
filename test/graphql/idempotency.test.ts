import { PlatformHost } from '../../src/platform/host.js';
import { digestOf } from '../../src/platform/digest.js';
import { type Graph, graphOver, graphWith } from '../support/platform/graph.js';

const DOMAIN =
  '... on DomainPayload { revision domain { id } events { id } } ... on ConflictError { revision existing }';
const ALLOC = { platform: 'Platform:box', idempotencyKey: 'first' };

const revisionOf = ({ host }: Graph) => host.platform('box')!.revision;
const reopened = async ({ log, clock }: Graph) =>
  graphOver(await PlatformHost.open(log, () => clock.now), log, clock);

describe('an idempotency key', () => {
  test('gives the same answer again and has one effect, also after a restart', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const answer = await graph.send(['allocDomain', ALLOC], DOMAIN);
    await graph.send(['allocDomain', { platform: 'Platform:box' }]);
    graph.clock.now += 5000;
    expect(await graph.send(['allocDomain', ALLOC], DOMAIN)).toEqual(answer);
    expect(revisionOf(graph)).toBe(2);
    const again = await reopened(graph);
    expect(await again.send(['allocDomain', ALLOC], DOMAIN)).toEqual(answer);
    expect(revisionOf(again)).toBe(2);
  });

  test('has one effect for requests sent at once, and one for a subdevice whose UUID is generated', async () => {
    const graph = await graphWith({ box: 'sapphire-rapids' });
    const input = { parent: 'Device:box/0000:6a:01.0', type: 'idxd-1dwq-v1', idempotencyKey: 'mdev' };
    const selection = '... on CreateMdevPayload { subdevice { id } }';
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => graph.send(['createMdev', input], selection)),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ __typename: 'CreateMdevPayload' });
    expect([graph.host.platform('box')!.kernel.subdevices.size, revisionOf(graph)]).toEqual([1, 1]);
  });

  test('remembers a refusal of the kernel too', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const input = { device: 'Device:box/0000:01:00.0', feature: 'AUX', idempotencyKey: 'k' };
    const answer = await graph.send(['enableFeature', input]);
    expect(answer.__typename).toBe('KernelError');
    expect(await graph.send(['enableFeature', input])).toEqual(answer);
    expect(revisionOf(graph)).toBe(1);
    const again = await reopened(graph);
    expect(await again.send(['enableFeature', input])).toEqual(answer);
  });

  test('with another input, or for another mutation, is a ConflictError and changes nothing', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    await graph.send(['allocDomain', ALLOC]);
    const conflict = {
      __typename: 'ConflictError',
      message: 'The idempotency key "first" was used for another input.',
    };
    expect(await graph.send(['allocDomain', { ...ALLOC, type: 'IDENTITY' }])).toEqual(conflict);
    const device = 'Device:box/0000:01:00.0';
    for (const name of ['enableFeature', 'disableFeature'])
      expect(await graph.send([name, { device, feature: 'AUX', idempotencyKey: 'first' }])).toEqual(conflict);
    const again = await reopened(graph);
    expect(await again.send(['allocDomain', { ...ALLOC, type: 'IDENTITY' }])).toEqual(conflict);
    expect(revisionOf(again)).toBe(1);
  });

  test('is free again when what was named does not exist, and belongs to its platform alone', async () => {
    const graph = await graphWith({ box: 'legacy-desktop', other: 'legacy-desktop' });
    const missing = { domain: 'Domain:box/9999', idempotencyKey: 'first' };
    expect((await graph.send(['freeDomain', missing])).__typename).toBe('NotFoundError');
    expect((await graph.send(['allocDomain', ALLOC])).__typename).toBe('DomainPayload');
    const elsewhere = { ...ALLOC, platform: 'Platform:other' };
    expect((await graph.send(['allocDomain', elsewhere])).__typename).toBe('DomainPayload');
    await graph.host.fork('box', 'copy', null);
    const onFork = { ...ALLOC, platform: 'Platform:copy' };
    expect((await graph.send(['allocDomain', onFork])).__typename).toBe('DomainPayload');
    expect(graph.host.platform('copy')!.revision).toBe(2);
  });

  test('has 1 to 200 characters', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    for (const idempotencyKey of ['', 'k'.repeat(201)]) {
      for (const [name, input] of [
        ['allocDomain', { platform: 'Platform:box' }],
        ['removeMdev', { subdevice: 'Subdevice:box/x' }],
      ] as const) {
        const answer = await graph.send([name, { ...input, idempotencyKey }]);
        expect(answer.__typename).toBe('InvalidInputError');
      }
    }
    const longest = { ...ALLOC, idempotencyKey: 'k'.repeat(200) };
    expect((await graph.send(['allocDomain', longest])).__typename).toBe('DomainPayload');
  });

  test('with half a character is told so', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const answer = await graph.send(['allocDomain', { ...ALLOC, idempotencyKey: 'k\ud800' }]);
    expect(answer).toEqual({
      __typename: 'InvalidInputError',
      message: 'An idempotency key is text, without halves of surrogate pairs.',
    });
  });

  test('of making a platform is none to delete one, and the other way round', async () => {
    const graph = await graphWith({ box: 'legacy-desktop', other: 'legacy-desktop' });
    const make = (name: string, idempotencyKey: string) =>
      graph.send(['createPlatform', { name, template: 'legacy-desktop', idempotencyKey }]);
    const remove = async (each: Graph, name: string, key: string) =>
      (
        await each.ask<{ deletePlatform: Record<string, unknown> }>(
          `mutation { deletePlatform(id: "Platform:${name}", idempotencyKey: "${key}") { __typename } }`,
        )
      ).deletePlatform;
    expect((await make('made', 'make')).__typename).toBe('PlatformPayload');
    expect(await remove(graph, 'box', 'gone')).toEqual({ __typename: 'DeletePlatformPayload' });
    const restarted = await reopened(graph);
    for (const each of [graph, restarted]) {
      expect(await remove(each, 'other', 'make')).toEqual({ __typename: 'ConflictError' });
      const input = { name: 'second', template: 'legacy-desktop', idempotencyKey: 'gone' };
      expect((await each.send(['createPlatform', input])).__typename).toBe('ConflictError');
      expect(
        each.host
          .platforms()
          .map(({ name }) => name)
          .sort(),
      ).toEqual(['made', 'other']);
    }
  });

  test('answers for very old requests by replay', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const first = await graph.send(['allocDomain', ALLOC], DOMAIN);
    const command = { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' } as const;
    for (let n = 0; n < 1001; n++)
      await graph.host.perform('box', command, { request: { key: `k${n}`, fingerprint: 'f' } });
    expect(await graph.send(['allocDomain', ALLOC], DOMAIN)).toEqual(first);
    expect(revisionOf(graph)).toBe(1002);
  });

  test('makes one platform and one fork, and deletes once, also after a restart', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const made = '... on PlatformPayload { revision platform { id createdAt } events { id } }';
    const create = { name: 'made', template: 'legacy-desktop', idempotencyKey: 'make' };
    const fork = { platform: 'Platform:box', name: 'forked', idempotencyKey: 'fork' };
    const answers = await Promise.all([
      graph.send(['createPlatform', create], made),
      graph.send(['createPlatform', create], made),
    ]);
    const forked = await graph.send(['forkPlatform', fork], made);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[0].__typename).toBe('PlatformPayload');
    await graph.send(['allocDomain', { platform: 'Platform:made' }]);
    await graph.send(['allocDomain', { platform: 'Platform:box' }]);
    graph.clock.now += 1000;
    const again = await reopened(graph);
    for (const each of [graph, again]) {
      expect(await each.send(['createPlatform', create], made)).toEqual(answers[0]);
      expect(await each.send(['forkPlatform', fork], made)).toEqual(forked);
      const other = await each.send(['createPlatform', { ...create, name: 'second' }]);
      expect(other.__typename).toBe('ConflictError');
    }
    const remove = (each: Graph, id: string) =>
      each.ask<{ deletePlatform: Record<string, unknown> }>(
        'mutation ($id: ID!) { deletePlatform(id: $id, idempotencyKey: "gone") { __typename ... on DeletePlatformPayload { deletedId } } }',
        { id },
      );
    const gone = await remove(again, 'Platform:made');
    expect(gone.deletePlatform).toEqual({
      __typename: 'DeletePlatformPayload',
      deletedId: 'Platform:made',
    });
    expect(await remove(again, 'Platform:made')).toEqual(gone);
    expect((await remove(again, 'Platform:forked')).deletePlatform.__typename).toBe('ConflictError');
    const third = await reopened(again);
    expect(await remove(third, 'Platform:made')).toEqual(gone);
    expect(third.host.platforms().map(({ name }) => name)).toEqual(['box', 'forked']);
  });
});

describe('an expected revision', () => {
  test('that the platform has left is a ConflictError that names the current one', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const at = (expectedRevision: number) =>
      graph.send(['allocDomain', { platform: 'Platform:box', expectedRevision }], DOMAIN);
    expect((await at(0)).__typename).toBe('DomainPayload');
    const before = digestOf(graph.host.platform('box')!);
    expect(await at(0)).toEqual({
      __typename: 'ConflictError',
      message: 'Platform "box" is at revision 1, not 0.',
      revision: 1,
      existing: 'Platform:box',
    });
    expect(digestOf(graph.host.platform('box')!)).toBe(before);
  });

  test('lets one of several through that are sent at once', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const input = { platform: 'Platform:box', expectedRevision: 0 };
    const answers = await Promise.all(Array.from({ length: 4 }, () => graph.send(['allocDomain', input])));
    expect(answers.map(({ __typename }) => __typename).sort()).toEqual([
      'ConflictError',
      'ConflictError',
      'ConflictError',
      'DomainPayload',
    ]);
  });

  test('does not stand in the way of the same request with its key', async () => {
    const graph = await graphWith({ box: 'legacy-desktop' });
    const input = { ...ALLOC, expectedRevision: 0 };
    const answer = await graph.send(['allocDomain', input], DOMAIN);
    expect(await graph.send(['allocDomain', input], DOMAIN)).toEqual(answer);
  });
});
