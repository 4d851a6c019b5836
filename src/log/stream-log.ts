import { decode, encode } from './codec.js';
import { GroupCommit } from './group-commit.js';
import { LogError } from './log-error.js';
import type { CommandLog, LogEntry, Snapshot, StreamHead } from './port.js';
import { readHead, readPieces, writeSnapshot } from './snapshot-parts.js';
import type { Store, StoredEntry, Write } from './store.js';

/** A stream as accepted; what is durable lags behind it by the commit under way. */
interface Stream {
  readonly name: string;
  readonly number: number;
  readonly header: Uint8Array;
  accepted: number;
  durable: number;
  isDurable: boolean;
}

/** A write on its way, and the stream it changes. */
type Change = Write & { readonly of: Stream };

/** The rules of the log, over a store that only has to keep bytes. */
export class StreamLog implements CommandLog {
  private readonly byName = new Map<string, Stream>();
  private readonly writes: GroupCommit<Change>;
  private nextNumber = 1;
  private isClosed = false;
  private isSaving = false;
  private lost: LogError | null = null;

  private constructor(private readonly store: Store) {
    this.writes = new GroupCommit(
      (changes) => (this.lost === null ? this.store.commit(changes) : Promise.reject(this.lost)),
      (changes) => this.noteDurable(changes),
      (changes, cause) => this.undo(changes, cause),
    );
  }

  /** A log over what the store holds. */
  static async open(store: Store): Promise<StreamLog> {
    const log = new StreamLog(store);
    const { streams, lastNumber } = await store.load();
    // What is left of a dropped stream is still being removed: its number is nobody else's.
    log.nextNumber = lastNumber + 1;
    for (const { stream, name, header, lastRevision } of streams) {
      log.byName.set(name, {
        name,
        number: stream,
        header,
        accepted: lastRevision,
        durable: lastRevision,
        isDurable: true,
      });
    }
    return log;
  }

  async streams(): Promise<readonly StreamHead[]> {
    this.refuseIfClosed();
    return [...this.byName]
      .filter(([, stream]) => stream.isDurable)
      .map(([name, stream]) => ({ name, header: decode(stream.header), lastRevision: stream.durable }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async create(name: string, header: unknown): Promise<void> {
    this.refuseIfClosed();
    if (this.byName.has(name)) throw new LogError('STREAM_EXISTS', `There is a stream "${name}" already.`);
    const stream: Stream = {
      name,
      number: this.nextNumber++,
      header: Uint8Array.from(encode(header)),
      accepted: 0,
      durable: 0,
      isDurable: false,
    };
    this.byName.set(name, stream);
    await this.writes.submit({
      kind: 'create',
      stream: stream.number,
      name,
      header: stream.header,
      of: stream,
    });
  }

  append(name: string, revision: number, entry: unknown): Promise<void> {
    try {
      return this.writes.submit(this.appendChange(name, revision, entry));
    } catch (refusal) {
      return Promise.reject(refusal as LogError);
    }
  }

  private appendChange(name: string, revision: number, entry: unknown): Change {
    this.refuseIfClosed();
    const stream = this.find(name);
    if (revision !== stream.accepted + 1) {
      throw new LogError(
        'WRONG_REVISION',
        `Stream "${name}" continues with revision ${stream.accepted + 1}, not ${revision}.`,
      );
    }
    const bytes = encode(entry);
    stream.accepted = revision;
    return { kind: 'append', stream: stream.number, revision, entry: bytes, of: stream };
  }

  async *read(name: string, fromRevision: number): AsyncGenerator<LogEntry> {
    this.refuseIfClosed();
    const stream = this.find(name);
    const last = stream.durable;
    let next = Math.max(1, fromRevision);
    let coming = this.pageFrom(stream, next, last);
    while (next <= last) {
      const page = await coming;
      this.refuseIfClosed();
      if (this.byName.get(name) !== stream) throw noSuchStream(name);
      // The next is fetched while this one is used.
      coming = this.pageFrom(stream, next + page.length, last);
      // A long replay must not keep the process from answering its signals and its health.
      await new Promise((resolve) => setImmediate(resolve));
      if (page[0]?.revision !== next) {
        throw new LogError(
          'UNUSABLE',
          `Stream "${name}" reaches revision ${last} but has no revision ${next}.`,
        );
      }
      for (const { revision, entry } of page) {
        if (revision !== next || next > last) break;
        yield { revision, entry: decode(entry) };
        next++;
      }
    }
  }

  private pageFrom(stream: Stream, from: number, last: number): Promise<readonly StoredEntry[]> {
    const page = from > last ? Promise.resolve([]) : this.store.read(stream.number, from);
    // A reader that stops early leaves the last one to itself.
    page.catch(() => undefined);
    return page;
  }

  async drop(name: string): Promise<void> {
    this.refuseIfClosed();
    const stream = this.find(name);
    this.byName.delete(name);
    await this.writes.submit({ kind: 'drop', stream: stream.number, of: stream });
  }

  async saveSnapshot(
    name: string,
    revision: number,
    label: string,
    pieces: AsyncIterable<Uint8Array>,
    beside: readonly number[] = [],
  ): Promise<void> {
    this.refuseIfClosed();
    const stream = this.find(name);
    if (revision < 0 || revision > stream.durable) {
      const message = `Stream "${name}" has revisions up to ${stream.durable}, not ${revision}.`;
      throw new LogError('WRONG_REVISION', message);
    }
    if (this.isSaving) throw new LogError('FAILED', 'Another snapshot is being written.');
    this.isSaving = true;
    try {
      const place = { stream: stream.number, revision };
      await writeSnapshot(this.store, place, label, this.whileThere(name, stream, pieces), beside);
    } finally {
      this.isSaving = false;
    }
  }

  async snapshots(name: string): Promise<readonly number[]> {
    this.refuseIfClosed();
    const stream = this.find(name);
    return (await this.store.snapshots(stream.number)).filter((revision) => revision <= stream.durable);
  }

  async snapshot(name: string, wanted?: number): Promise<Snapshot | null> {
    const stream = this.find(name);
    const all = await this.snapshots(name);
    const revision = wanted === undefined ? all.at(-1) : all.find((each) => each === wanted);
    if (revision === undefined) return null;
    const { label, parts } = readHead(await this.store.snapshotHead(stream.number, revision));
    return { revision, label, pieces: readPieces(this.store, stream.number, revision, parts) };
  }

  private async *whileThere<T>(name: string, stream: Stream, pieces: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const piece of pieces) {
      this.refuseIfClosed();
      if (this.byName.get(name) !== stream) throw noSuchStream(name);
      yield piece;
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.writes.drain();
    await this.store.close();
  }

  private noteDurable(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'create') change.of.isDurable = true;
      if (change.kind === 'append') change.of.durable = change.revision;
    }
  }

  /** Takes back what was accepted and is not stored. */
  private undo(changes: readonly Change[], cause: unknown): LogError {
    for (const { kind, of: stream } of changes) {
      const { name } = stream;
      if (kind === 'create' && this.byName.get(name) === stream) this.byName.delete(name);
      if (kind === 'append') stream.accepted = stream.durable;
      if (kind === 'drop' && !this.byName.has(name)) this.byName.set(name, stream);
    }
    if (cause instanceof LogError && cause.refusal === 'LOST') return (this.lost = cause);
    return new LogError('FAILED', `The command log could not be written: ${messageOf(cause)}.`, { cause });
  }

  private find(name: string): Stream {
    const stream = this.byName.get(name);
    if (stream === undefined) throw noSuchStream(name);
    return stream;
  }

  private refuseIfClosed(): void {
    if (this.isClosed) throw new LogError('CLOSED', 'The command log is closed.');
  }
}

function noSuchStream(name: string): LogError {
  return new LogError('NO_SUCH_STREAM', `There is no stream "${name}".`);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
