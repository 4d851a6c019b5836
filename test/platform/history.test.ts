import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CommandLog } from '../../src/log/port.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { digestOf } from '../../src/platform/digest.js';
import { PlatformHost } from '../../src/platform/host.js';
import { type Graph, graphWith } from '../support/platform/graph.js';
import { sampleLists } from '../support/platform/random-commands.js';

/** The same log, whose disk takes a while to forget. */
function slowToDrop(log: CommandLog): CommandLog {
  return Object.assign(Object.create(log) as CommandLog, {
    drop: async (stream: string) => {
      await log.drop(stream);
      for (let turn = 0; turn < 100; turn++) await nextTurn();
    },
  });
}

describe('a platform that is deleted while its past is asked for', () => {
  test('is gone for all who asked, also before its end is durable', async () => {
    const { log, clock, send } = await graphWith({ box: 'legacy-desktop' });
    for (let n = 0; n < 10; n++) await send(['allocDomain', { platform: 'Platform:box' }]);
    const host = await PlatformHost.open(slowToDrop(log), () => clock.now);
    const platform = host.platform('box')!;
    const revisions = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const moments = Promise.all(revisions.map((revision) => host.at(platform, revision)));
    const fork = expect(host.fork('box', 'copy', 3)).rejects.toThrow('There is no Platform "box".');
    const deleted = host.delete('box');
    expect(await moments).toEqual(revisions.map(() => null));
    await fork;
    const commands: unknown[] = [];
    for await (const command of host.commands(platform, 1, 5)) commands.push(command);
    expect(commands).toEqual([]);
    await deleted;
    expect((await log.streams()).map(({ name }) => name)).toEqual([]);
  });

  test('is not taken for the next one of its name', async () => {
    const { log, clock, send } = await graphWith({ box: 'legacy-desktop' });
    for (let n = 0; n < 10; n++) await send(['allocDomain', { platform: 'Platform:box' }]);
    const host = await PlatformHost.open(log, () => clock.now);
    const platform = host.platform('box')!;
    const asked = [1, 2, 3, 4, 5, 6, 7, 8].map((revision) => host.at(platform, revision));
    await host.delete('box');
    clock.now += 1000;
    await createFromTemplate(host, 'box', 'legacy-desktop', {});
    await Promise.all(
      Array.from({ length: 10 }, () =>
        host.perform('box', { type: 'allocDomain', bus: 'pci', domainType: 'IDENTITY' }),
      ),
    );
    expect(await Promise.all(asked)).toEqual(asked.map(() => null));
  });
});

/** A platform with a past: its digest after every command, as it was then. */
async function withPast(): Promise<{ graph: Graph; recorded: string[] }> {
  const graph = await graphWith({ box: 'sapphire-rapids' });
  const platform = graph.host.platform('box')!;
  const recorded = [digestOf(platform)];
  for (const written of sampleLists('box', 90, 5, 11).flat()) {
    graph.clock.now += 700;
    await graph.send(written);
    if (platform.revision === recorded.length) recorded.push(digestOf(platform));
  }
  return { graph, recorded };
}

describe('earlier moments of a platform', () => {
  let graph: Graph;
  let recorded: string[];
  beforeAll(async () => ({ graph, recorded } = await withPast()), 120_000);
  const live = () => graph.host.platform('box')!;

  test('equal what was recorded when they were now', async () => {
    expect(recorded.length).toBeGreaterThan(80);
    const step = Math.ceil(recorded.length / 24);
    for (let revision = 0; revision < recorded.length; revision += step) {
      const then = await graph.host.at(live(), revision);
      expect([revision, digestOf(then!)]).toEqual([revision, recorded[revision]]);
    }
    expect(digestOf(live())).toBe(recorded.at(-1));
  }, 120_000);

  test('lie in the past: ahead there is null, also seen from the past', async () => {
    expect(await graph.host.at(live(), live().revision + 1)).toBeNull();
    const then = (await graph.host.at(live(), 5))!;
    expect(await graph.host.at(then, 6)).toBeNull();
    expect((await graph.host.at(then, 3))!.revision).toBe(3);
  });

  test('are built once for all who ask at the same time', async () => {
    const [a, b] = await Promise.all([graph.host.at(live(), 7), graph.host.at(live(), 7)]);
    expect(a).toBe(b);
    expect(await graph.host.at(live(), 7)).toBe(a);
  });

  test('are built a few at a time, however many are asked for', async () => {
    const readers = { now: 0, most: 0 };
    const { log } = graph;
    const counted = Object.assign(Object.create(log) as CommandLog, {
      read: async function* (stream: string, from: number) {
        readers.most = Math.max(readers.most, ++readers.now);
        try {
          yield* log.read(stream, from);
        } finally {
          readers.now--;
        }
      },
    });
    const host = await PlatformHost.open(counted);
    const platform = host.platform('box')!;
    readers.most = 0;
    const revisions = Array.from({ length: 40 }, (_, index) => 2 * index + 1);
    const then = await Promise.all(revisions.map((revision) => host.at(platform, revision)));
    expect(then.map((each) => each!.revision)).toEqual(revisions);
    expect(readers).toEqual({ now: 0, most: 4 });
  });

  test('are let go when others are asked for, and come back equal', async () => {
    const first = (await graph.host.at(live(), 9))!;
    for (const revision of [10, 11, 12, 13, 14]) await graph.host.at(live(), revision);
    const again = (await graph.host.at(live(), 9))!;
    expect(again).not.toBe(first);
    expect(digestOf(again)).toBe(digestOf(first));
  });

  test('leave the event loop free while they are built', async () => {
    let turns = 0;
    let building = true;
    const count = () => {
      turns++;
      if (building) setImmediate(count);
    };
    setImmediate(count);
    await graph.host.at(live(), live().revision - 1);
    building = false;
    expect(turns).toBeGreaterThan(1);
  });

  test('a platform made anew under the same name has none of the past of the one before', async () => {
    const other = await graphWith({ box: 'legacy-desktop' });
    const old = other.host.platform('box')!;
    await other.send(['allocDomain', { platform: 'Platform:box' }]);
    await other.host.at(old, 1);
    await other.host.delete('box');
    other.clock.now++;
    await createFromTemplate(other.host, 'box', 'legacy-desktop', {});
    expect(await other.host.at(old, 0)).toBeNull();
    expect(await other.host.at(other.host.platform('box')!, 1)).toBeNull();
  });
});

describe('a fork', () => {
  test('has the state of its origin at the revision, and then a life of its own, also after a restart', async () => {
    const graph = await graphWith({ box: 'sapphire-rapids' });
    const { host, log } = graph;
    const origin = host.platform('box')!;
    const recorded = [digestOf(origin)];
    for (const written of sampleLists('box', 12, 4, 5).flat()) {
      graph.clock.now += 900;
      await graph.send(written);
      if (origin.revision === recorded.length) recorded.push(digestOf(origin));
    }
    const middle = Math.floor(origin.revision / 2);
    graph.clock.now += 1_000_000;
    const now = await host.fork('box', 'now', null);
    const then = await host.fork('box', 'then', middle);
    const boot = await host.fork('box', 'boot', 0);
    expect([now, then, boot].map(digestOf)).toEqual([recorded.at(-1), recorded[middle], recorded[0]]);
    expect(then.header).toMatchObject({ origin: 'FORKED', createdAt: graph.clock.now });
    const before = digestOf(origin);
    await graph.send(['allocDomain', { platform: 'Platform:then' }]);
    expect(then.revision).toBe(middle + 1);
    expect(digestOf(origin)).toBe(before);
    const grandchild = await host.fork('then', 'grandchild', null);
    expect(digestOf(grandchild)).toBe(digestOf(then));

    const again = await PlatformHost.open(log);
    for (const platform of host.platforms()) {
      const reopened = again.platform(platform.name)!;
      expect([platform.name, digestOf(reopened)]).toEqual([platform.name, digestOf(platform)]);
      expect(reopened.header).toEqual(platform.header);
    }
  }, 60_000);

  test('that was never finished is not there after a restart, and its name is free', async () => {
    const { host, log, send } = await graphWith({ desk: 'legacy-desktop' });
    for (let n = 0; n < 3; n++) await send(['allocDomain', { platform: 'Platform:desk' }]);
    const whole = await host.fork('desk', 'whole', 3);
    // What a server leaves that ends after the first of the fork's three commands.
    await log.create('half', { ...whole.header, name: 'half' });
    for await (const { entry } of log.read('desk', 1)) {
      await log.append('half', 1, entry);
      break;
    }
    const again = await PlatformHost.open(log);
    expect(again.platforms().map(({ name }) => name)).toEqual(['desk', 'whole']);
    await again.fork('desk', 'half', null);
  });

  test('of a revision that lies ahead, of nothing, or under a taken name is refused', async () => {
    const { host } = await graphWith({ desk: 'legacy-desktop' });
    await expect(host.fork('desk', 'other', 1)).rejects.toMatchObject({
      name: 'InvalidInputError',
      path: ['input', 'revision'],
    });
    await expect(host.fork('nothing', 'other', null)).rejects.toMatchObject({ name: 'NotFoundError' });
    await expect(host.fork('desk', 'desk', null)).rejects.toMatchObject({ name: 'ConflictError' });
    expect(host.platforms()).toHaveLength(1);
  });
});
