import { createHash } from 'node:crypto';
import { canonical } from './canonical.js';
import { ConflictError, InvalidInputError } from './errors.js';
import type { Applied } from './platform.js';

/** Who asked, so that asking again can be told from asking for something else. Stored with the command. */
export interface RequestKey {
  /** Chosen by the client. */
  readonly key: string;
  /** What was asked under it, see {@link fingerprintOf}. */
  readonly fingerprint: string;
}

/** What a client ties a command to. */
export interface RequestTerms {
  readonly request?: RequestKey;
  /** The command is refused unless it would be the next after this revision. */
  readonly expectedRevision?: number;
}

/** A name for a verb and its input: the same for the same input, in practice never for another. */
export function fingerprintOf(verb: string, input: object): string {
  return createHash('sha256')
    .update(`${verb} ${canonical(input)}`)
    .digest('base64url');
}

/**
 * A key and the input it stands for; a key is 1 to 200 characters.
 *
 * @param path of the key, for the error that refuses it
 */
export function requestKey(key: string, verb: string, input: object, path: readonly string[]): RequestKey {
  if (key.length < 1 || key.length > 200)
    throw new InvalidInputError(path, `An idempotency key has 1 to 200 characters, not ${key.length}.`);
  if (!key.isWellFormed())
    throw new InvalidInputError(path, 'An idempotency key is text, without halves of surrogate pairs.');
  return { key, fingerprint: fingerprintOf(verb, input) };
}

/** Answers under one key, if the input is the same; another input is refused. */
export function sameInput(request: RequestKey, known: RequestKey): void {
  if (request.fingerprint === known.fingerprint) return;
  throw new ConflictError(`The idempotency key "${request.key}" was used for another input.`, null);
}

/** Refuses a command that was meant for another state of a platform than the one it would meet. */
export function checkRevision(platform: string, revision: number, expected: number | null | undefined): void {
  if (expected == null || expected === revision) return;
  const message = `Platform "${platform}" is at revision ${revision}, not ${expected}.`;
  throw new ConflictError(message, platform, revision);
}

/** A key, and the command that was logged with it. */
export interface KnownRequest {
  readonly request: RequestKey;
  readonly revision: number;
}

/** What became of a command with a key. */
interface Remembered extends KnownRequest {
  /** Null when only the log still knows. */
  applied: Applied | null;
}

/** Answers kept in full, and bytes of data in them; older ones are found again by replay. */
const KEPT_ANSWERS = 1000;
const KEPT_BYTES = 64 * 1024 * 1024;

/** The keys one platform has seen. */
export class RequestMemory {
  private readonly byKey = new Map<string, Remembered>();
  private readonly recent: Remembered[] = [];
  private recentBytes = 0;
  private readonly underWay = new Map<string, { request: RequestKey; applied: Promise<Applied> }>();

  /** The answer given under a key; null when the key is new. Another input under it is a ConflictError. */
  recall(request: RequestKey, find: (revision: number) => Promise<Applied>): Promise<Applied> | null {
    const now = this.underWay.get(request.key);
    if (now !== undefined) {
      sameInput(request, now.request);
      return now.applied;
    }
    const known = this.byKey.get(request.key);
    if (known === undefined) return null;
    sameInput(request, known.request);
    return known.applied === null ? find(known.revision) : Promise.resolve(known.applied);
  }

  /** Holds a key while its command is on its way; one that never got into the log leaves it free. */
  begin(request: RequestKey, applied: Promise<Applied>): void {
    this.underWay.set(request.key, { request, applied });
    const end = () => this.underWay.delete(request.key);
    applied.then(end, end);
  }

  /** The keys of commands up to a revision, in order; more may come while they are looked through. */
  *upTo(revision: number): Generator<KnownRequest> {
    for (const known of this.byKey.values()) {
      if (known.revision > revision) return;
      yield { request: known.request, revision: known.revision };
    }
  }

  /** Remembers a key of which only the log still knows the answer. */
  know(known: KnownRequest): void {
    this.byKey.set(known.request.key, { ...known, applied: null });
  }

  /** Remembers what a logged command did. */
  keep(request: RequestKey, applied: Applied): void {
    const remembered: Remembered = { request, revision: applied.revision, applied };
    this.byKey.set(request.key, remembered);
    this.recent.push(remembered);
    this.recentBytes += bytesOf(applied);
    while (this.recent.length > KEPT_ANSWERS || this.recentBytes > KEPT_BYTES) {
      const oldest = this.recent.shift()!;
      this.recentBytes -= bytesOf(oldest.applied!);
      oldest.applied = null;
    }
  }
}

/** Only what a DMA read gave can be large. */
function bytesOf({ result }: Applied): number {
  if (!result.ok || result.value === null || typeof result.value !== 'object') return 0;
  return 'data' in result.value ? (result.value.data?.length ?? 0) : 0;
}
