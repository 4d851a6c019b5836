import type { WebSocket } from 'ws';
import type { Sink } from './reader.js';
import type { SharedAnswer } from './shared-answer.js';

/** The bytes of a message are text. */
const AS_TEXT = { binary: false };

/** Sends the `next` messages of one subscription: its own envelope around a text made once for all. */
export class SocketSink implements Sink {
  private readonly before: Uint8Array;

  /** @param end is told when nothing follows */
  constructor(
    private readonly socket: WebSocket,
    id: string,
    readonly end: (error?: unknown) => void,
  ) {
    // A copy, for it stays: what Buffer.from gives is a piece of Node's pool and keeps all 8 KiB of it.
    this.before = new Uint8Array(Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`));
  }

  get waiting(): number {
    return this.socket.bufferedAmount;
  }

  send({ messageEnd }: SharedAnswer, flushed?: (error?: Error | null) => void): void {
    const { before } = this;
    const length = before.length + messageEnd.length;
    // Bytes: ws and the socket would each look through a string again. What is to wait gets memory of its own, too.
    const message = this.waiting > 0 ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
    message.set(before);
    message.set(messageEnd, before.length);
    this.socket.send(message, AS_TEXT, flushed);
  }
}
