import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { open } from 'lmdb';
import { verdictLine, verifyLog } from '../../src/cli/verify.js';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { openMemoryLog } from '../../src/log/memory-log.js';
import type { CommandLog } from '../../src/log/port.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { digestOf } from '../../src/platform/digest.js';
import { fingerprintOf } from '../../src/platform/idempotency.js';
import { PlatformHost } from '../../src/platform/host.js';
import type { Platform } from '../../src/platform/platform.js';
import { COMMANDS_A_PIECE } from '../../src/platform/snapshot-pace.js';
import { anyCommand, numbersFrom } from '../support/platform/any-commands.js';

jest.setTimeout(60_000);

const START = 1_600_000_000_000;
const POKE = { type: 'pokeMemory', address: 0x100000, words: [{ hi: 0, lo: 7 }] } as const;
const KEY = { key: 'once', fingerprint: fingerprintOf('poke', POKE) };

let warnings: string[] = [];
beforeEach(() => (warnings = []));

function hostOf(log: CommandLog, program: string | null, interval = 60): Promise<PlatformHost> {
  const warn = (message: string) => void warnings.push(message);
  return PlatformHost.open(log, () => START, null, program === null ? null : { program, interval, warn });
}

/** A platform that has lived for 100 commands, of which a snapshot covers the first 60. */
async function lived(log: CommandLog) {
  const host = await hostOf(log, 'mine');
  const platform = await createFromTemplate(host, 'demo', 'sapphire-rapids', {});
  await host.perform('demo', POKE, { request: KEY });
  const next = numbersFrom(11);
  while (platform.revision < 100) {
    // Commands that name nothing are refused before they are logged.
    await host.perform('demo', anyCommand(platform, next)).catch(() => undefined);
  }
  while ((await log.snapshot('demo')) === null) await setImmediate();
  return { host, platform };
}

/** The same log, which tells from where it is read. */
function watched(log: CommandLog): { log: CommandLog; reads: number[] } {
  const reads: number[] = [];
  const read = (stream: string, from: number) => {
    if (stream === 'demo') reads.push(from);
    return log.read(stream, from);
  };
  const seen = new Proxy(log, {
    get: (target, name) => {
      if (name === 'read') return read;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { log: seen, reads };
}

test('a start from a snapshot gives what a replay gives, now and afterwards, and reads only what follows it', async () => {
  const memory = await openMemoryLog();
  const { platform } = await lived(memory);
  const { log, reads } = watched(memory);
  const restored = (await hostOf(log, 'mine', 1e9)).platform('demo')!;
  expect(reads).toEqual([61]);
  const replayed = (await hostOf(memory, null)).platform('demo')!;
  const digest = digestOf(platform);
  expect([digestOf(restored), digestOf(replayed)]).toEqual([digest, digest]);
  expect(restored.events.first).toBe(1);

  const next = numbersFrom(12);
  for (let index = 0; index < 100; index++) {
    const command = anyCommand(replayed, next);
    for (const each of [restored, replayed]) each.apply({ command, time: START + index * 700 });
  }
  expect(digestOf(restored)).toBe(digestOf(replayed));
  expect(warnings).toEqual([]);
});

test('keys from before a snapshot give the answer they gave, and one effect', async () => {
  const memory = await openMemoryLog();
  const { platform } = await lived(memory);
  const host = await hostOf(memory, 'mine', 1e9);
  const answer = await host.perform('demo', POKE, { request: KEY });
  expect([answer.revision, answer.result.ok]).toEqual([1, true]);
  expect(host.platform('demo')!.revision).toBe(100);
  const other = { ...KEY, fingerprint: fingerprintOf('poke', {}) };
  await expect(host.perform('demo', POKE, { request: other })).rejects.toThrow('was used for another input');
  expect(platform.revision).toBe(100);
});

test('moments before a snapshot are reached by replay', async () => {
  const memory = await openMemoryLog();
  const { host, platform } = await lived(memory);
  const again = await hostOf(memory, 'mine', 1e9);
  for (const revision of [1, 60, 61]) {
    const then = await again.at(again.platform('demo')!, revision);
    expect(digestOf(then!)).toBe(digestOf((await host.at(platform, revision))!));
  }
});

test('a look before a snapshot leaves checkpoints, so that the next one there need not begin at boot', async () => {
  const memory = await openMemoryLog();
  const host = await hostOf(memory, 'mine', 10_000);
  const platform = await createFromTemplate(host, 'demo', 'legacy-desktop', {});
  await pokes(host, 'demo', 10_000);
  while ((await memory.snapshot('demo')) === null) await setImmediate();
  const { log, reads } = watched(memory);
  const again = await hostOf(log, 'mine', 1e9);
  const restored = again.platform('demo')!;
  for (const revision of [9000, 8500]) {
    expect(digestOf((await again.at(restored, revision))!)).toBe(
      digestOf((await host.at(platform, revision))!),
    );
  }
  expect(reads).toEqual([10_001, 1, 8193]);
});

/** A platform that has lived for 300 commands, with a snapshot every 60. */
async function livedLong(log: CommandLog) {
  const host = await hostOf(log, 'mine');
  const platform = await createFromTemplate(host, 'demo', 'legacy-desktop', {});
  const next = numbersFrom(13);
  while (platform.revision < 300) {
    await host.perform('demo', anyCommand(platform, next)).catch(() => undefined);
    if (platform.revision % 60 !== 0) continue;
    while (((await log.snapshots('demo')).at(-1) ?? 0) < platform.revision - 59) await setImmediate();
  }
  return { host, platform };
}

test('a look at a moment before the newest snapshot begins at the nearest one before it', async () => {
  const memory = await openMemoryLog();
  const { host, platform } = await livedLong(memory);
  expect(await memory.snapshots('demo')).toEqual([60, 120, 180, 240, 300]);
  const { log, reads } = watched(memory);
  const again = await hostOf(log, 'mine', 1e9);
  const restored = again.platform('demo')!;
  for (const revision of [299, 200, 180, 61, 59]) {
    const then = await again.at(restored, revision);
    expect(digestOf(then!)).toBe(digestOf((await host.at(platform, revision))!));
  }
  // At 180 nothing is left to read.
  expect(reads).toEqual([301, 241, 181, 61, 1]);
  expect(warnings).toEqual([]);
});

test('a snapshot that gives way to another while it is read is done without, and nobody is told', async () => {
  const memory = await openMemoryLog();
  const { host, platform } = await livedLong(memory);
  const { log, reads } = watched(memory);
  const thinning = Object.create(log) as CommandLog;
  thinning.snapshot = async (name, revision) => {
    const found = await memory.snapshot(name, revision);
    if (revision !== 240) return found;
    const { label, pieces } = (await memory.snapshot(name, 300))!;
    await memory.saveSnapshot(name, 300, label, pieces, [60, 120, 180]);
    return found;
  };
  const again = await hostOf(thinning, 'mine', 1e9);
  const then = await again.at(again.platform('demo')!, 299);
  expect(digestOf(then!)).toBe(digestOf((await host.at(platform, 299))!));
  expect(reads).toEqual([301, 181]);
  expect(warnings).toEqual([]);
});

test('the first snapshot another program takes replaces all of the one before', async () => {
  const memory = await openMemoryLog();
  await livedLong(memory);
  const other = await hostOf(memory, 'other');
  expect(warnings).toEqual([
    'The snapshot of platform "demo" was made by another version, or with another number of kept events; it is not used.',
  ]);
  while ((await memory.snapshot('demo'))!.label.startsWith('mine')) await setImmediate();
  expect(await memory.snapshots('demo')).toEqual([300]);
  await other.close();
});

/** A log whose snapshots are written slowly: many turns of the event loop for each piece. */
function slowToSave(
  log: CommandLog,
  turns: number,
  platformNow: () => Platform | undefined = () => undefined,
): { log: CommandLog; saves: Save[] } {
  const saves: Save[] = [];
  const slow = Object.create(log) as CommandLog;
  slow.saveSnapshot = async (name, revision, label, pieces, beside) => {
    const save: Save = { name, revision, pieces: 0, after: null, isOver: false };
    saves.push(save);
    const counted = async function* () {
      for await (const piece of pieces) {
        save.pieces++;
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        yield piece;
      }
      save.after = platformNow()?.revision ?? null;
    };
    await log.saveSnapshot(name, revision, label, counted(), beside);
    save.isOver = true;
  };
  return { log: slow, saves };
}

interface Save {
  readonly name: string;
  readonly revision: number;
  pieces: number;
  /** Revision of the platform when the last piece was written. */
  after: number | null;
  isOver: boolean;
}

test('in a flood of commands a snapshot is as old as it has pieces, times 64, when it is whole', async () => {
  const platforms: Platform[] = [];
  const { log, saves } = slowToSave(await openMemoryLog(), 50, () => platforms[0]);
  const host = await hostOf(log, 'mine', 500);
  platforms.push(await createFromTemplate(host, 'demo', 'legacy-desktop', {}));
  await pokes(host, 'demo', 500);
  await pokes(host, 'demo', 5000);
  const whole = saves.filter(({ after }) => after !== null);
  for (const { revision, pieces, after } of whole)
    expect(after! - revision).toBeLessThanOrEqual(COMMANDS_A_PIECE * (pieces + 1));
  // Without waiting all of them would have been applied before the first was whole.
  expect(whole.length).toBeGreaterThan(2);
});

test('platforms that command at once have their snapshots in turn', async () => {
  const { log, saves } = slowToSave(await openMemoryLog(), 2);
  const host = await hostOf(log, 'mine', 200);
  const names = ['a', 'b', 'c'];
  for (const name of names) await createFromTemplate(host, name, 'legacy-desktop', {});
  await Promise.all(names.map((name) => pokes(host, name, 2000)));
  const order = saves.map(({ name }) => name).join('');
  for (const name of names) expect(order.split(name).length - 1).toBeGreaterThan(1);
  expect(order).not.toMatch(/(.)\1\1/);
});

test('an end of the server finishes the snapshot under way and takes one of what had many commands since', async () => {
  const memory = await openMemoryLog();
  const { log, saves } = slowToSave(memory, 2);
  log.close = () => Promise.resolve();
  const host = await hostOf(log, 'mine', 100);
  for (const name of ['busy', 'quiet']) await createFromTemplate(host, name, 'legacy-desktop', {});
  await Promise.all([pokes(host, 'busy', 230), pokes(host, 'quiet', 99)]);
  await host.close();
  expect(saves.every(({ isOver }) => isOver)).toBe(true);
  expect(230 - (await memory.snapshot('busy'))!.revision).toBeLessThan(100);
  expect(await memory.snapshot('quiet')).toBeNull();
});

/** Commands sent at once. */
async function pokes(host: PlatformHost, name: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => host.perform(name, POKE)));
}

describe('a snapshot in a directory', () => {
  let directory: string;
  let digest: string;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'iommu-graph-snapshots-'));
    const { host, platform } = await lived(await openLmdbLog(directory));
    digest = digestOf(platform);
    await host.close();
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** What a start makes of the directory: where it began to read, and what it warned of. */
  async function start(program: string) {
    const { log, reads } = watched(await openLmdbLog(directory));
    const host = await hostOf(log, program, 1e9);
    expect(digestOf(host.platform('demo')!)).toBe(digest);
    await host.close();
    return { reads, warnings };
  }

  /** Changes what is stored; indices are those of parts, and of the head the greatest there is. */
  async function change(index: number, value: (old: Buffer) => Buffer | null, revision = 60): Promise<void> {
    const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
    const table = root.openDB<Buffer, Buffer>('snapshots', { encoding: 'binary', keyEncoding: 'binary' });
    const key = [...table.getKeys()]
      .map((each) => Buffer.from(each))
      .find((each) => each.readUInt32BE(8) === revision && each.readUInt32BE(12) === index)!;
    const changed = value(Buffer.from(table.get(key)!));
    await (changed === null ? table.remove(key) : table.put(key, changed));
    await root.close();
  }
  const HEAD = 0xffffffff;

  test('is used by the program that made it', async () => {
    expect(await start('mine')).toEqual({ reads: [61], warnings: [] });
  });

  test('is not used by another program', async () => {
    expect(await start('other')).toEqual({
      reads: [1],
      warnings: [
        'The snapshot of platform "demo" was made by another version, or with another number of kept events; it is not used.',
      ],
    });
  });

  test.each([
    ['a damaged part', 0, (old: Buffer) => (old.writeUInt8(old.readUInt8(5000) ^ 1, 5000), old)],
    ['a missing part', 0, () => null],
    ['a damaged head', HEAD, (old: Buffer) => (old.writeUInt8(old.readUInt8(6) ^ 1, 6), old)],
  ])('with %s is told of and not used', async (_what, index, value) => {
    await change(index, value);
    const { reads, warnings: told } = await start('mine');
    expect(reads).toEqual([1]);
    expect(told).toEqual([expect.stringMatching(/^The snapshot of platform "demo" cannot be read: a /)]);
  });

  test('that is damaged is told of once, and done without: the next before it takes its place', async () => {
    const grown = await hostOf(await openLmdbLog(directory), 'mine', 80);
    await pokes(grown, 'demo', 80);
    await grown.close();
    const log = await openLmdbLog(directory);
    const [older, newest, ...more] = await log.snapshots('demo');
    expect([older, more]).toEqual([60, []]);
    await log.close();
    await change(0, () => null, newest);

    const { log: seen, reads } = watched(await openLmdbLog(directory));
    const host = await hostOf(seen, 'mine', 1e9);
    expect(digestOf((await host.at(host.platform('demo')!, 100))!)).toBe(digest);
    expect(host.platform('demo')!.revision).toBe(180);
    expect(reads).toEqual([61, 61]);
    expect(warnings).toEqual([
      'The snapshot of platform "demo" cannot be read: a part of the snapshot is missing',
    ]);
    await host.close();
  });

  test('without a head was never finished: it is not there, and what there is of it goes', async () => {
    await change(HEAD, () => null);
    expect(await start('mine')).toEqual({ reads: [1], warnings: [] });
  });

  test('goes with its platform', async () => {
    const log = await openLmdbLog(directory);
    const host = await hostOf(log, 'mine', 1e9);
    await host.delete('demo');
    await createFromTemplate(host, 'demo', 'legacy-desktop', {});
    expect(await log.snapshot('demo')).toBeNull();
    await host.close();
  });

  test('is compared by verify with a replay up to it', async () => {
    const lines = async (program: string) => {
      const log = await openLmdbLog(directory);
      const verdicts: string[] = [];
      for await (const verdict of verifyLog(log, program)) verdicts.push(verdictLine(verdict));
      await log.close();
      return verdicts;
    };
    expect(await lines('mine')).toEqual([
      expect.stringMatching(new RegExp(`^same demo commands 100 .* ${digest} snapshot at 60 same$`)),
    ]);
    expect((await lines('other'))[0]).toMatch(/snapshot at 60 not comparable/);
    await change(0, () => null);
    expect((await lines('mine'))[0]).toMatch(/^same .* snapshot at 60 UNREADABLE$/);
  });
});
