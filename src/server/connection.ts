import type { Duplex } from 'node:stream';
import type { WebSocket as ProtocolSocket } from 'graphql-ws';
import { CloseCode } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { Mask } from './masked-errors.js';

/**
 * A connection as graphql-ws wants it. Its own adapter to ws keeps every message in memory as long as what the
 * message asked for lasts, and two timers a connection: with subscribers by the thousand, most of what they take.
 */
export class Connection implements ProtocolSocket {
  /** @param wire what the socket writes to */
  constructor(
    readonly socket: WebSocket,
    readonly wire: Duplex,
    private readonly mask: Mask,
  ) {}

  get protocol(): string {
    return this.socket.protocol;
  }

  /** Resolves when the network has it, or there is nobody to send it to any more: then the socket closes. */
  send(data: string): Promise<void> {
    return new Promise((resolve) => this.socket.send(data, () => resolve()));
  }

  close(code?: number, reason?: string): void {
    this.socket.close(code, reason);
  }

  onMessage(take: (data: string) => Promise<void>): void {
    const failed = (error: unknown) => this.fail(error);
    this.socket.on('message', (data) => {
      take(String(data)).catch(failed);
    });
  }

  private fail(error: unknown): void {
    this.mask(error);
    this.socket.close(CloseCode.InternalServerError, 'Internal server error');
  }
}
