import type { ExecutionResult } from 'graphql';
import type { Connection } from './connection.js';
import type { Mask } from './masked-errors.js';
import type { Reader, Sink } from './reader.js';
import type { SharedAnswer } from './shared-answer.js';
import type { OpenedStream } from './streams.js';
import { writeText } from './text-frame.js';

const DONE = { done: true, value: undefined } as const;

/**
 * One subscription on a socket. Its `next` messages go straight there, each its own envelope around a text made once
 * for all. What is left to graphql-ws, which asks it as an iterator, is to tell its end: it has no values.
 */
export class SocketStream implements Sink, AsyncIterableIterator<ExecutionResult> {
  private readonly before: string;
  private readonly beforeBytes: number;
  private reader: Reader | null = null;
  private resolve: (result: typeof DONE) => void = () => undefined;
  private reject: (error: Error) => void = () => undefined;

  /** @param opened null once it is read: with it goes all that was needed to open the stream */
  constructor(
    private readonly connection: Connection,
    id: string,
    private opened: OpenedStream | null,
    private readonly mask: Mask,
  ) {
    this.before = ['{"id":', JSON.stringify(id), ',"type":"next","payload":'].join('');
    this.beforeBytes = Buffer.byteLength(this.before);
  }

  get waiting(): number {
    return this.connection.wire.writableLength;
  }

  send({ bytes }: SharedAnswer, flushed?: (error?: Error | null) => void): void {
    const { socket, wire } = this.connection;
    if (socket.readyState === socket.OPEN) writeText(wire, this.before, this.beforeBytes, bytes, flushed);
    // Nothing may follow the frame that closes (RFC 6455, 5.5.1 "Close"); ws says so.
    else socket.send('', flushed);
  }

  end(error?: unknown): void {
    if (error === undefined) this.resolve(DONE);
    else this.reject(this.mask(error));
  }

  /** Begins to send; settles when nothing follows. */
  next(): Promise<IteratorResult<ExecutionResult>> {
    const { opened } = this;
    if (opened === null) return Promise.resolve(DONE);
    this.opened = null;
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      this.reader = opened.readInto(this);
    });
  }

  /** The client has completed it, or gone away. */
  return(): Promise<IteratorResult<ExecutionResult>> {
    this.opened?.drop();
    this.opened = null;
    this.reader?.close();
    this.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
