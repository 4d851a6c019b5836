import type { CommandLog, Snapshot } from '../log/port.js';
import { isPlatformStream } from '../platform/deletions.js';
import { digestOf } from '../platform/digest.js';
import { Platform, type PlatformHeader } from '../platform/platform.js';
import { replay } from '../platform/replay.js';
import { readSnapshot } from '../platform/snapshot-pieces.js';
import { labelOf } from '../platform/snapshots.js';

/** What a snapshot is, held against a replay up to its revision. */
interface SnapshotVerdict {
  readonly revision: number;
  /** `OTHER`: made by another program, or keeping another number of events; a server does not use it. */
  readonly is: 'SAME' | 'DIFFERENT' | 'UNREADABLE' | 'OTHER';
}

/** What two replays of one stream gave. */
export interface Verdict {
  readonly name: string;
  readonly commands: number;
  readonly events: number;
  /** Of each of the two. */
  readonly digests: readonly [string, string];
  /** Oldest first. */
  readonly snapshots: readonly SnapshotVerdict[];
}

/** Replays every platform of a log twice. */
export async function* verifyLog(log: CommandLog, program: string): AsyncGenerator<Verdict> {
  for (const { name, header: stored } of await log.streams()) {
    if (!isPlatformStream(name)) continue;
    const header = stored as PlatformHeader;
    const first = new Platform(header);
    const snapshots: SnapshotVerdict[] = [];
    for (const revision of await log.snapshots(name)) {
      snapshots.push({ revision, is: await checkSnapshot(log, first, revision, program) });
    }
    await replay(log, first);
    const second = new Platform(header);
    await replay(log, second);
    yield {
      name,
      commands: first.revision,
      events: first.events.last,
      digests: [digestOf(first), digestOf(second)],
      snapshots,
    };
  }
}

/** Takes a platform on to the revision of a snapshot and compares. */
async function checkSnapshot(
  log: CommandLog,
  platform: Platform,
  revision: number,
  program: string,
): Promise<SnapshotVerdict['is']> {
  try {
    const snapshot = (await log.snapshot(platform.name, revision))!;
    if (snapshot.label !== labelOf(program, null)) return 'OTHER';
    const digest = await digestOfSnapshot(snapshot, platform.header);
    await replay(log, platform, revision);
    return digest === digestOf(platform) ? 'SAME' : 'DIFFERENT';
  } catch {
    return 'UNREADABLE';
  }
}

async function digestOfSnapshot(snapshot: Snapshot, header: PlatformHeader): Promise<string> {
  return digestOf((await readSnapshot(snapshot, header)).platform);
}

/** Whether anything disagrees. */
export function isDifferent({ digests: [first, second], snapshots }: Verdict): boolean {
  return first !== second || snapshots.some(({ is }) => is === 'DIFFERENT' || is === 'UNREADABLE');
}

/** One line for people and for `diff`. */
export function verdictLine({ name, commands, events, digests, snapshots }: Verdict): string {
  const [first, second] = digests;
  const counts = `${name} commands ${commands} events ${events}`;
  const replays =
    first === second
      ? `same ${counts} sha256 ${first}`
      : `DIFFERENT ${counts} sha256 ${first} then ${second}`;
  const told = snapshots.map(({ revision, is }) => `snapshot at ${revision} ${WORDS[is]}`);
  return [replays, ...told].join(' ');
}

const WORDS = {
  SAME: 'same',
  DIFFERENT: 'DIFFERENT',
  UNREADABLE: 'UNREADABLE',
  OTHER: 'not comparable (another version or number of events kept)',
};
