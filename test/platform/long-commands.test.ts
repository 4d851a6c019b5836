import { setImmediate } from 'node:timers/promises';
import type { KernelProfileName } from '../../src/kernel/config.js';
import { openMemoryLog } from '../../src/log/memory-log.js';
import type { Command, LoggedCommand } from '../../src/platform/command.js';
import { digestOf } from '../../src/platform/digest.js';
import { NotFoundError } from '../../src/platform/errors.js';
import { PlatformHost } from '../../src/platform/host.js';
import { copyPlatform } from '../../src/platform/image/copy.js';
import { inTheMidst } from '../../src/platform/in-slices.js';
import { Platform } from '../../src/platform/platform.js';
import { numbersFrom } from '../support/platform/any-commands.js';
import {
  anyLongCommand,
  givenAway,
  pausesEverywhere,
  untilInTheMidst,
  vfioMap,
  vfioUnmap,
} from '../support/platform/long-commands.js';
import { smallHeader } from '../support/platform/small-machine.js';

jest.setTimeout(60_000);

const PROFILES: readonly KernelProfileName[] = ['V5_10', 'V6_1'];

/** A host with a platform whose disk is a user's. */
async function opened(profile: KernelProfileName = 'V5_10') {
  const log = await openMemoryLog();
  const host = await PlatformHost.open(log, () => 1000);
  const platform = await host.create(smallHeader({ kernel: { profile, tellsPerCommand: 5000 } }));
  for (const command of givenAway(platform)) {
    const { result } = await host.perform('small', command);
    expect(result.ok).toBe(true);
  }
  return { log, host, platform };
}

describe('a command done in steps', () => {
  it.each(PROFILES)('comes to the same as one done at once, whatever it is, %s', (profile) => {
    const header = smallHeader({ kernel: { profile, dmaEntryLimit: 8, tellsPerCommand: 20_000 } });
    let steps = 0;
    for (const seed of [1, 2, 3]) {
      const next = numbersFrom(seed);
      const [whole, stepped] = [new Platform(header), new Platform(header)];
      for (const command of givenAway(whole))
        for (const each of [whole, stepped]) each.apply({ command, time: 1000 });
      while (whole.revision < 150) {
        const logged = { command: anyLongCommand(whole, next, 0.15), time: 1000 + whole.revision };
        const { result } = whole.apply(logged);
        const work = stepped.applyInSteps(logged);
        const { last } = stepped.events;
        let step = work.next();
        for (; step.done !== true; step = work.next()) {
          expect([stepped.revision, stepped.events.last]).toEqual([whole.revision - 1, last]);
          steps++;
        }
        expect(step.value.result.ok).toBe(result.ok);
        if (!result.ok && !step.value.result.ok)
          expect(step.value.result.error.message).toBe(result.error.message);
      }
      expect(digestOf(stepped)).toBe(digestOf(whole));
    }
    expect(steps).toBeGreaterThan(100);
  });

  it('makes a platform that boots in steps the same too', () => {
    const header = smallHeader();
    const booting = Platform.inSteps(header);
    let step = booting.next();
    while (step.done !== true) step = booting.next();
    const whole = new Platform(header);
    expect(digestOf(step.value)).toBe(digestOf(whole));
    expect(step.value.lastBootSequence).toBe(whole.lastBootSequence);
  });
});

describe('while a command rests in the middle of a platform', () => {
  beforeEach(pausesEverywhere);
  afterEach(() => void jest.restoreAllMocks());

  it('other platforms have commands and are looked at', async () => {
    const { host, platform } = await opened();
    const other = await host.create({ ...smallHeader(), name: 'other' });
    await host.perform('small', vfioMap(1));
    const told: string[] = [];
    const long = host.perform('small', vfioUnmap(1)).then(() => told.push('long'));
    await untilInTheMidst(platform);
    await host.perform('other', { type: 'rescanBus' });
    told.push('other');
    expect(host.look('other', (found) => found?.revision)).toBe(1);
    expect(other.revision).toBe(1);
    await long;
    expect(told).toEqual(['other', 'long']);
  });

  it('who looks at it sees it after, and so do forks, second selves and commands', async () => {
    const { host, platform } = await opened();
    const before = platform.revision;
    const long = host.perform('small', vfioMap(1));
    await untilInTheMidst(platform);
    expect(() => copyPlatform(platform)).toThrow('in the midst');
    const looks = [
      host.look('small', (found) => found!.revision),
      host.replica('small').then(({ revision }) => revision),
      host.fork('small', 'twin', null).then(({ revision }) => revision),
      host.perform('small', { type: 'rescanBus' }).then(({ revision }) => revision - 1),
    ];
    const earlier = await host.at(platform, before);
    expect(earlier!.revision).toBe(before);
    expect(await Promise.all(looks)).toEqual(looks.map(() => before + 1));
    expect((await long).result.ok).toBe(true);
    const mapped = (of: Platform) => of.kernel.vfio.containers.get(1)!.iommu!.dmas.pages;
    expect([mapped(platform), mapped(host.platform('twin')!), mapped(earlier!)]).toEqual([40_000, 40_000, 0]);
  });

  it('what it names is looked up when it is over', async () => {
    const { host, platform } = await opened();
    await host.perform('small', vfioMap(1));
    const close = host.perform('small', { type: 'closeContainer', container: 1 });
    await untilInTheMidst(platform);
    await expect(host.perform('small', vfioUnmap(1))).rejects.toThrow(NotFoundError);
    expect((await close).result.ok).toBe(true);
    expect(platform.kernel.vfio.containers.size).toBe(0);
  });

  it('it can be deleted: the command is finished first', async () => {
    const { host, platform } = await opened();
    const long = host.perform('small', vfioMap(1));
    await untilInTheMidst(platform);
    const late = host.perform('small', { type: 'rescanBus' });
    const deleted = host.delete('small');
    await expect(late).rejects.toThrow(NotFoundError);
    expect((await long).result.ok).toBe(true);
    await deleted;
    expect([host.platform('small'), platform.isClosed]).toEqual([null, true]);
  });

  it('the host can be closed, and what is logged comes to the same', async () => {
    const { log, host, platform } = await opened();
    const long = host.perform('small', vfioMap(1));
    await untilInTheMidst(platform);
    // As after a kill: another program reads what is durable now.
    const again = await PlatformHost.open(log, () => 1000);
    expect(again.platform('small')!.revision).toBe(platform.revision + (inTheMidst(platform) ? 1 : 0));
    await host.close();
    expect((await long).result.ok).toBe(true);
    expect(digestOf(again.platform('small')!)).toBe(digestOf(platform));
  });

  it('snapshots wait, and are of a platform between two commands', async () => {
    const log = await openMemoryLog();
    const warnings: string[] = [];
    const settings = { program: 'mine', interval: 1, warn: (message: string) => void warnings.push(message) };
    const host = await PlatformHost.open(log, () => 1000, null, settings);
    const names = ['small', 'other'];
    for (const name of names) {
      const platform = await host.create({ ...smallHeader(), name });
      for (const command of givenAway(platform)) await host.perform(name, command);
    }
    const work = [vfioMap(1, 9000), vfioUnmap(1, 9000), vfioMap(1, 9000)];
    await Promise.all(work.flatMap((command) => names.map((name) => host.perform(name, command))));
    const digests = names.map((name) => digestOf(host.platform(name)!));
    while ((await Promise.all(names.map((name) => log.snapshot(name)))).includes(null)) await setImmediate();
    const again = await PlatformHost.open(log, () => 1000, null, settings);
    expect(names.map((name) => digestOf(again.platform(name)!))).toEqual(digests);
    expect(warnings).toEqual([]);
  });

  it.each([1, 2])('readers only ever see what a replay of the log comes to, seed %i', async (seed) => {
    const { log, host, platform } = await opened(PROFILES[seed - 1]);
    const next = numbersFrom(seed);
    const seen = new Map<number, string>();
    const work: Promise<unknown>[] = [];
    let waited = 0;
    for (let round = 0; round < 80; round++) {
      const command = await host.look('small', (found) => anyLongCommand(found!, next, 0.3));
      work.push(host.perform('small', command).catch(() => undefined));
      for (let turns = Math.floor(next() * 8); turns > 0 && inTheMidst(platform) === null; turns--)
        await setImmediate();
      const look = host.look('small', (found) => void seen.set(found!.revision, digestOf(found!)));
      if (look instanceof Promise) waited++;
      work.push(Promise.resolve(look));
    }
    await Promise.all(work);
    expect(waited).toBeGreaterThan(3);
    const replayed = new Platform(platform.header);
    for await (const { entry } of log.read('small', 1)) {
      replayed.apply(entry as LoggedCommand);
      const digest = seen.get(replayed.revision);
      if (digest !== undefined) expect(digest).toBe(digestOf(replayed));
    }
    expect(digestOf(replayed)).toBe(digestOf(platform));
  });
});

test('whoever is told of a command finds the platform as it left it, however many follow', async () => {
  const { host, platform } = await opened();
  const commands: Command[] = Array.from({ length: 50 }, () => ({ type: 'rescanBus' }));
  const found = await Promise.all(
    commands.map(async (command) => {
      const { revision } = await host.perform('small', command);
      // An answer takes a while to be put together, with promises in it.
      for (let hop = 0; hop < 100; hop++) await null;
      return platform.revision - revision;
    }),
  );
  expect(found).toEqual(commands.map(() => 0));
});
