import { decode, encode } from './codec.js';
import { GroupCommit } from './group-commit.js';
import { LogError } from './log-error.js';
import type { CommandLog, LogEntry, StreamHead } from './port.js';
import type { Store, Write } from './store.js';

/** A stream as accepted; what is durable lags behind it by the commit under way. */
interface Stream {
  readonly number: number;
  readonly header: Uint8Array;
  accepted: number;
  durable: number;
  isDurable: boolean;
}

/** Entries read from the store at a time. */
const PAGE = 512;

/** The rules of the log, over a store that only has to keep bytes. */
export class StreamLog implements CommandLog {
  private readonly byName = new Map<string, Stream>();
  private readonly writes: GroupCommit<Write>;
  private nextNumber = 1;
  private isClosed = false;

  private constructor(private readonly store: Store) {
    this.writes = new GroupCommit(
      (batch) => store.commit(batch),
      (cause) =>
        new LogError('FAILED', `The command log could not be written: ${messageOf(cause)}.`, { cause }),
    );
  }

  /** A log over what the store holds. */
  static async open(store: Store): Promise<StreamLog> {
    const log = new StreamLog(store);
    for (const { stream, name, header, lastRevision } of await store.load()) {
      log.byName.set(name, {
        number: stream,
        header,
        accepted: lastRevision,
        durable: lastRevision,
        isDurable: true,
      });
      log.nextNumber = Math.max(log.nextNumber, stream + 1);
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
      number: this.nextNumber++,
      header: encode(header),
      accepted: 0,
      durable: 0,
      isDurable: false,
    };
    this.byName.set(name, stream);
    await this.writes.submit({ kind: 'create', stream: stream.number, name, header: stream.header });
    stream.isDurable = true;
  }

  async append(name: string, revision: number, entry: unknown): Promise<void> {
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
    await this.writes.submit({ kind: 'append', stream: stream.number, revision, entry: bytes });
    stream.durable = revision;
  }

  async *read(name: string, fromRevision: number): AsyncGenerator<LogEntry> {
    this.refuseIfClosed();
    const stream = this.find(name);
    const last = stream.durable;
    let next = Math.max(1, fromRevision);
    while (next <= last) {
      this.refuseIfClosed();
      if (this.byName.get(name) !== stream) throw noSuchStream(name);
      // Read whole before the first is handed out: a reader may take its time, a store's cursor may not.
      const page = [...this.store.read(stream.number, next, Math.min(last, next + PAGE - 1))];
      // A long replay must not keep the process from answering its signals and its health.
      await new Promise((resolve) => setImmediate(resolve));
      for (const { revision, entry } of page) {
        if (revision !== next) break;
        yield { revision, entry: decode(entry) };
        next++;
      }
      if (page.at(-1)?.revision !== next - 1) {
        throw new LogError(
          'UNUSABLE',
          `Stream "${name}" reaches revision ${last} but has no revision ${next}.`,
        );
      }
    }
  }

  async drop(name: string): Promise<void> {
    this.refuseIfClosed();
    const stream = this.find(name);
    this.byName.delete(name);
    await this.writes.submit({ kind: 'drop', stream: stream.number });
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.writes.drain();
    await this.store.close();
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
