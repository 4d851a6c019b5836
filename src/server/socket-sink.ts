import type { WebSocket } from 'ws';
import type { Sink } from './reader.js';
import type { SharedAnswer } from './shared-answer.js';

/** Sends the `next` messages of one subscription: its own envelope around a text made once for all. */
export class SocketSink implements Sink {
  private readonly before: string;

  /** @param end is told when nothing follows */
  constructor(
    private readonly socket: WebSocket,
    id: string,
    readonly end: (error?: unknown) => void,
  ) {
    this.before = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  }

  get waiting(): number {
    return this.socket.bufferedAmount;
  }

  send({ text }: SharedAnswer, flushed?: (error?: Error | null) => void): void {
    this.socket.send(`${this.before}${text}}`, flushed);
  }
}
