import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import type { LoggedCommand } from '../../src/platform/command.js';
import { digestOf } from '../../src/platform/digest.js';
import { PlatformHost } from '../../src/platform/host.js';
import { Platform } from '../../src/platform/platform.js';
import { built } from '../support/built.js';

/** 200 by hand: `KILL_ROUNDS=200 npx jest test/platform/kill-loop`. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 6);
/** A new directory now and then: every round replays its log from the start. */
const ROUNDS_PER_DIRECTORY = 10;
jest.setTimeout(60_000 + ROUNDS * 20_000);

interface Acknowledged {
  readonly first: number;
  readonly last: number;
  readonly command: string;
}

/** What processes said before they were killed, of one directory. */
class Testimony {
  readonly acknowledged = new Map<number, Acknowledged>();
  readonly states = new Map<number, string>();
  readonly warnings: string[] = [];

  hear(line: string): void {
    const [what, revision, a, b, ...rest] = line.split(' ');
    if (what === 'acknowledged')
      this.acknowledged.set(Number(revision), { first: Number(a), last: Number(b), command: rest.join(' ') });
    if (what === 'warning') this.warnings.push(line);
    if (what === 'state') this.states.set(Number(revision), a!);
  }

  get newest(): number {
    return Math.max(0, ...this.acknowledged.keys());
  }
}

async function runUntilKilled(
  directory: string,
  seed: number,
  lines: number,
  testimony: Testimony,
): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      join(__dirname, '../support/platform/under-load.mjs'),
      dirname(built('main.js')),
      directory,
      String(seed),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let heard = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may have been cut.
    if (line.startsWith('acknowledged') && !line.endsWith('}')) break;
    testimony.hear(line);
    if (++heard === lines) child.kill('SIGKILL');
  }
}

let usedSnapshots = 0;

/** Replays the log and holds it against everything that was said. */
async function examine(
  directory: string,
  { acknowledged, states, newest, warnings }: Testimony,
): Promise<number> {
  const log = await openLmdbLog(directory);
  const [stream] = await log.streams();
  if (stream === undefined) {
    expect(newest).toBe(0);
    await log.close();
    return 0;
  }
  expect(stream.lastRevision).toBeGreaterThanOrEqual(newest);
  const platform = new Platform(stream.header as Platform['header']);
  for await (const { revision, entry } of log.read('desk', 1)) {
    const logged = entry as LoggedCommand;
    const applied = platform.apply(logged);
    expect(revision).toBe(platform.revision);
    const said = acknowledged.get(revision);
    if (said !== undefined) {
      const { firstSequence, lastSequence } = applied;
      expect([firstSequence, lastSequence, JSON.stringify(logged.command)]).toEqual([
        said.first,
        said.last,
        said.command,
      ]);
    }
    if (states.has(revision))
      expect([revision, digestOf(platform)]).toEqual([revision, states.get(revision)]);
  }
  expect(platform.revision).toBe(stream.lastRevision);
  const { events } = platform;
  for (let at = 1; at <= events.last; at++) expect(events.at(at)?.sequence).toBe(at);
  // What a server makes of the directory is the same, and it need not read the commands before the snapshot.
  if ((await log.snapshot('desk')) !== null) usedSnapshots++;
  const warn = (message: string) => warnings.push(message);
  const host = await PlatformHost.open(log, Date.now, null, { program: 'under load', interval: 1e9, warn });
  expect(warnings).toEqual([]);
  expect(digestOf(host.platform('desk')!)).toBe(digestOf(platform));
  await host.close();
  return stream.lastRevision;
}

test(`after each of ${ROUNDS} kills under load the state is a prefix of the log with every acknowledged command`, async () => {
  let acknowledged = 0;
  let states = 0;
  let replayed = 0;
  let unacknowledged = 0;
  for (let round = 0; round < ROUNDS; round += ROUNDS_PER_DIRECTORY) {
    const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-kill-'));
    const testimony = new Testimony();
    try {
      for (let each = round; each < Math.min(ROUNDS, round + ROUNDS_PER_DIRECTORY); each++) {
        // Some die before they serve, most in the middle of their work.
        const lines = each % 9 === 4 ? 1 : 2 + ((each * 7919) % 400);
        await runUntilKilled(directory, each + 1, lines, testimony);
        const last = await examine(directory, testimony);
        replayed += last;
        unacknowledged += last - testimony.newest;
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
    acknowledged += testimony.acknowledged.size;
    states += testimony.states.size;
  }
  expect(acknowledged).toBeGreaterThan(ROUNDS * 50);
  expect(states).toBeGreaterThan(ROUNDS);
  expect(usedSnapshots).toBeGreaterThan(ROUNDS / 2);
  if (process.env['KILL_ROUNDS'] !== undefined)
    console.info({ rounds: ROUNDS, acknowledged, states, replayed, unacknowledged, usedSnapshots });
});
