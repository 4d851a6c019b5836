import { decode, encode } from '../log/codec.js';
import { LogError } from '../log/log-error.js';
import type { CommandLog, Snapshot } from '../log/port.js';
import { type KnownRequest, RequestMemory } from './idempotency.js';
import { copyPlatform } from './image/copy.js';
import { PlatformDecoder } from './image/decode.js';
import { encodePlatform } from './image/encode.js';
import { KEPT_EVENTS, type Platform, type PlatformHeader } from './platform.js';
import { TimeSlice } from './time-slice.js';

export interface SnapshotSettings {
  /** Tells this program from any other, see `program.ts`: another one may come to something else. */
  readonly program: string;
  /** Commands between two snapshots at least; {@link FEWEST} when left out. */
  readonly interval?: number;
  /** Told, in one sentence, of a snapshot that could not be written or read. */
  readonly warn: (message: string) => void;
}

/** Commands that are replayed in about a second: a snapshot saves less than that. */
const FEWEST = 20_000;
/**
 * An image grows with the life of a platform, and so does the space between two, so that writing them costs a
 * command about the same however many there were; up to what is replayed in some seconds.
 */
const SHARE = 1 / 8;
const MOST = 100_000;
/** Keys in one piece. */
const KEYS_A_PIECE = 1000;

/** What a snapshot gives back. */
export interface Restored {
  readonly platform: Platform;
  readonly requests: RequestMemory;
}

/** Name of what can be read back as it would be replayed: by the same program, keeping as many events. */
export function labelOf(program: string, keptEvents: number | null): string {
  return `${program} ${keptEvents ?? KEPT_EVENTS}`;
}

/**
 * Images of platforms in the log, written while they live, so that a start need not replay everything. The log
 * remains the truth: what cannot be written or read is told and done without.
 */
export class Snapshots {
  /** Revision of the newest, written or tried. */
  private readonly newest = new WeakMap<Platform, number>();
  private isSaving = false;
  private readonly label: string;

  constructor(
    private readonly log: CommandLog,
    private readonly settings: SnapshotSettings,
    keptEvents: number | null,
  ) {
    this.label = labelOf(settings.program, keptEvents);
  }

  /** To be called whenever a platform has had a command, or was read back. */
  note(platform: Platform, requests: RequestMemory): void {
    const { revision } = platform;
    const fewest = this.settings.interval ?? FEWEST;
    const interval = Math.max(fewest, Math.min(MOST, revision * SHARE));
    if (this.isSaving || revision - (this.newest.get(platform) ?? 0) < interval) return;
    this.newest.set(platform, revision);
    this.isSaving = true;
    void this.save(copyPlatform(platform), requests).finally(() => (this.isSaving = false));
  }

  /** The platform of a stream as its newest snapshot has it; null when there is none that can be used. */
  async restore(header: PlatformHeader): Promise<Restored | null> {
    const { name } = header;
    try {
      const snapshot = await this.log.snapshot(name);
      if (snapshot === null) return null;
      if (snapshot.label !== this.label) {
        this.settings.warn(`The snapshot of platform "${name}" was made by another version; it is not used.`);
        return null;
      }
      const restored = await readSnapshot(snapshot, header);
      this.newest.set(restored.platform, restored.platform.revision);
      return restored;
    } catch (error) {
      this.settings.warn(`The snapshot of platform "${name}" cannot be read: ${messageOf(error)}`);
      return null;
    }
  }

  private async save(copy: Platform, requests: RequestMemory): Promise<void> {
    const { name } = copy.header;
    try {
      await this.log.saveSnapshot(name, copy.revision, this.label, pieces(copy, requests));
    } catch (error) {
      // The platform was deleted, or the server ends.
      if (error instanceof LogError && ['NO_SUCH_STREAM', 'CLOSED'].includes(error.refusal)) return;
      this.settings.warn(`A snapshot of platform "${name}" could not be written: ${messageOf(error)}`);
    }
  }
}

/** Keys, an empty piece, and the image of a platform that nobody changes. */
async function* pieces(platform: Platform, requests: RequestMemory): AsyncGenerator<Uint8Array> {
  const slice = new TimeSlice();
  for (const piece of allPieces(platform, requests)) {
    yield piece;
    await slice.step();
  }
}

function* allPieces(platform: Platform, requests: RequestMemory): Generator<Uint8Array> {
  let some: KnownRequest[] = [];
  for (const known of requests.upTo(platform.revision)) {
    if (some.push(known) < KEYS_A_PIECE) continue;
    yield encode(some);
    some = [];
  }
  yield encode(some);
  yield new Uint8Array(0);
  yield* encodePlatform(platform);
}

/** A platform and its keys from a snapshot; throws when it is not whole or does not fit the header. */
export async function readSnapshot(snapshot: Snapshot, header: PlatformHeader): Promise<Restored> {
  const requests = new RequestMemory();
  const decoder = new PlatformDecoder(header);
  const slice = new TimeSlice();
  let isImage = false;
  for await (const piece of snapshot.pieces) {
    if (isImage) decoder.take(piece);
    else if (piece.byteLength === 0) isImage = true;
    else for (const known of decode(piece) as KnownRequest[]) requests.know(known);
    await slice.step();
  }
  const finishing = decoder.finish();
  let step = finishing.next();
  for (; step.done !== true; step = finishing.next()) await slice.step();
  const platform = step.value;
  if (platform.revision !== snapshot.revision) {
    throw new Error(`it is of revision ${platform.revision}, not ${snapshot.revision}`);
  }
  return { platform, requests };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
