import { u64FromPfn } from '../../../src/bits/u64.js';
import { openMemoryLog } from '../../../src/log/memory-log.js';
import type { Command } from '../../../src/platform/command.js';
import { digestOf } from '../../../src/platform/digest.js';
import { InvalidInputError, NotFoundError } from '../../../src/platform/errors.js';
import { PlatformHost } from '../../../src/platform/host.js';
import { copyPlatform } from '../../../src/platform/image/copy.js';
import { type PlannedRefusal, tryCommand } from '../../../src/platform/plan.js';
import type { Platform } from '../../../src/platform/platform.js';
import { anyCommand, numbersFrom } from '../../support/platform/any-commands.js';
import { smallHeader } from '../../support/platform/small-machine.js';

/** How many revisions are looked at and lists planned: IMAGE_ROUNDS=1000 for all that was promised. */
const ROUNDS = Number(process.env.IMAGE_ROUNDS ?? 25);
/** Enough to go past a checkpoint. */
const COMMANDS = 2600;

async function hostOfSmall(): Promise<{ host: PlatformHost; platform: Platform }> {
  const host = await PlatformHost.open(await openMemoryLog(), () => 1_600_000_000_000);
  return { host, platform: await host.create(smallHeader()) };
}

/** As the sender of a command hears it: its refusal, or null. */
async function perform(host: PlatformHost, command: Command): Promise<PlannedRefusal> {
  try {
    const { result } = await host.perform('small', command);
    return result.ok ? null : result.error;
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof InvalidInputError) return error;
    throw error;
  }
}

test('random revisions equal what was recorded when they were now, also in a fork of one', async () => {
  const { host, platform } = await hostOfSmall();
  const next = numbersFrom(21);
  const recorded = new Map<number, string>();
  for (let round = 0; round < ROUNDS; round++) recorded.set(Math.floor(next() * COMMANDS), '');
  while (platform.revision < COMMANDS) {
    if (recorded.get(platform.revision) === '') recorded.set(platform.revision, digestOf(platform));
    await perform(host, anyCommand(platform, next));
  }
  const now = digestOf(platform);
  const revisions = [...recorded.keys()];
  for (const revision of revisions) {
    const then = await host.at(platform, revision);
    expect([revision, digestOf(then!)]).toEqual([revision, recorded.get(revision)]);
  }
  const fork = await host.fork('small', 'fork', revisions[0]);
  expect(digestOf(fork)).toBe(recorded.get(revisions[0]));
  await host.delete('small');
  await host.perform('fork', { type: 'rescanBus' });
  expect(digestOf((await host.at(fork, revisions[0]))!)).toBe(recorded.get(revisions[0]));
  expect(digestOf(platform)).toBe(now);
}, 900_000);

test('lists of commands that were planned come out as planned when they are carried out, and left no trace', async () => {
  const { host, platform } = await hostOfSmall();
  const next = numbersFrom(4);
  for (let round = 0; round < ROUNDS; round++) {
    const before = digestOf(platform);
    const { last } = platform.events;
    const replica = await host.replica('small');
    const commands: Command[] = [];
    const planned: PlannedRefusal[] = [];
    const length = 1 + Math.floor(next() * 6);
    for (let index = 0; index < length; index++) {
      commands.push(anyCommand(replica, next));
      planned.push(await tryCommand(replica, commands[index], host.now()));
    }
    expect(digestOf(platform)).toBe(before);
    const carriedOut: PlannedRefusal[] = [];
    for (const command of commands) carriedOut.push(await perform(host, command));
    expect(carriedOut).toEqual(planned);
    expect(platform.events.last).toBe(replica.events.last);
    for (let at = last + 1; at <= platform.events.last; at++)
      expect(platform.events.at(at)).toEqual(replica.events.at(at));
    expect(digestOf(platform)).toBe(digestOf(replica));
  }
}, 900_000);

test('a fork of a platform with a million mappings shares all memory but what one of the two writes', async () => {
  const { host, platform } = await hostOfSmall();
  await host.perform('small', { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
  const domain = [...platform.kernel.domains.keys()].at(-1)!;
  const map = (pfn: number, pages: number): Command => {
    const access = { read: true, write: true };
    // One page off, so that no large page fits.
    const physical = u64FromPfn(0x100001);
    return { type: 'map', domain, iova: u64FromPfn(pfn), physical, size: u64FromPfn(pages), ...access };
  };
  expect(await perform(host, map(0x200000, 2 ** 20))).toBeNull();
  expect(platform.kernel.domains.get(domain)!.mappedBytes).toBe(2 ** 32);
  const fork = copyPlatform(platform);
  const unshared = () => {
    const words = new Set([...platform.machine.memory.segments()].map((one) => one.words));
    return [...fork.machine.memory.segments()].filter((one) => !words.has(one.words)).length;
  };
  expect(unshared()).toBe(0);
  const all = [...fork.machine.memory.segments()].length;
  fork.apply({ command: map(0x200000 + 2 ** 20, 1), time: 1 });
  platform.apply({
    command: { type: 'unmap', domain, iova: u64FromPfn(0x200000), size: u64FromPfn(1) },
    time: 1,
  });
  // Of the fork the piece with its new table and that with the one above, of the platform that with the page.
  expect(unshared()).toBeLessThanOrEqual(4);
  expect(all).toBeGreaterThan(8);
});
