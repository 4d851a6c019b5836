import type { CommandLog } from '../log/port.js';
import { type RequestKey, sameInput } from './idempotency.js';
import type { PlatformHeader } from './platform.js';

/** Not a name a platform can have. */
const STREAM = ':deletions';

/** A platform that was deleted by a request with a key. Its own stream, and its key in it, are gone. */
interface Deletion {
  readonly request: RequestKey;
  readonly platform: string;
  readonly createdAt: number;
}

/** Whether a stream of the log is a platform's, and not kept for the server's own memory. */
export function isPlatformStream(name: string): boolean {
  return name !== STREAM;
}

/** The keys under which platforms were deleted, in a stream of their own. */
export class Deletions {
  private readonly byKey = new Map<string, { request: RequestKey; done: Promise<void> }>();
  private readonly deleted = new Set<string>();
  /** Null before the stream exists. */
  private revision: number | null = null;
  private creating: Promise<void> | null = null;

  private constructor(private readonly log: CommandLog) {}

  static async open(log: CommandLog): Promise<Deletions> {
    const deletions = new Deletions(log);
    if (!(await log.streams()).some(({ name }) => name === STREAM)) return deletions;
    deletions.revision = 0;
    for await (const { revision, entry } of log.read(STREAM, 1)) {
      const deletion = entry as Deletion;
      deletions.revision = revision;
      deletions.byKey.set(deletion.request.key, { request: deletion.request, done: Promise.resolve() });
      deletions.deleted.add(identity(deletion.platform, deletion.createdAt));
    }
    return deletions;
  }

  /** The deletion a key stands for; null when the key is new. Another input under it is a ConflictError. */
  recall(request: RequestKey): Promise<void> | null {
    const known = this.byKey.get(request.key);
    if (known === undefined) return null;
    sameInput(request, known.request);
    return known.done;
  }

  /** Whether this platform's deletion was logged, so that its stream is only a leftover. */
  covers({ name, createdAt }: PlatformHeader): boolean {
    return this.deleted.has(identity(name, createdAt));
  }

  /** Deletes under a key: first the key is durable, then the platform goes. */
  run(request: RequestKey, { name, createdAt }: PlatformHeader, work: () => Promise<void>): Promise<void> {
    const done = this.append({ request, platform: name, createdAt }).then(work);
    this.byKey.set(request.key, { request, done });
    done.catch(() => this.byKey.delete(request.key));
    return done;
  }

  private async append(deletion: Deletion): Promise<void> {
    if (this.revision === null) {
      this.creating ??= this.log.create(STREAM, { kind: 'deletions' }).finally(() => (this.creating = null));
      await this.creating;
      this.revision ??= 0;
    }
    const revision = ++this.revision;
    try {
      await this.log.append(STREAM, revision, deletion);
    } catch (error) {
      this.revision = Math.min(this.revision, revision - 1);
      throw error;
    }
  }
}

const identity = (platform: string, createdAt: number) => `${platform} ${createdAt}`;
