import { type ClientOptions, WebSocket } from 'ws';
import { Queue } from './queue.js';

/** A message of the graphql-transport-ws protocol. */
export interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: unknown;
}

export interface Close {
  readonly code: number;
  readonly reason: string;
}

/** A client that keeps every message until it is asked for, so that nothing is missed and nothing sleeps. */
export class WsClient {
  readonly messages = new Queue<Message>();
  readonly closed: Promise<Close>;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (text: Buffer) => this.messages.push(JSON.parse(String(text)) as Message));
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  /** Extensions the server agreed to. */
  get extensions(): string {
    return this.socket.extensions;
  }

  /** Opens a socket, without the protocol's first message. */
  static open(
    url: string,
    protocol = 'graphql-transport-ws',
    options: ClientOptions = {},
  ): Promise<WsClient> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), protocol, options);
    const client = new WsClient(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client));
      socket.once('error', reject);
    });
  }

  /** Opens a socket and has it acknowledged. */
  static async connect(url: string): Promise<WsClient> {
    const client = await WsClient.open(url);
    client.send({ type: 'connection_init' });
    const acknowledged = await client.received();
    if (acknowledged.type !== 'connection_ack') throw new Error(`got ${acknowledged.type}`);
    return client;
  }

  /** The next message; rejects when the connection has closed without one. */
  received(): Promise<Message> {
    // What came before it closed is still to be had.
    if (this.messages.length > 0) return this.messages.next();
    const ended = this.closed.then(({ code, reason }): never => {
      throw new Error(`closed with ${code} ${reason}`);
    });
    return Promise.race([this.messages.next(), ended]);
  }

  send(message: Message | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(id: string, query: string, variables: object = {}): void {
    this.send({ id, type: 'subscribe', payload: { query, variables } });
  }

  /** Resolves when everything sent so far was read by the server: it answers pings in order. */
  async settled(): Promise<void> {
    this.send({ type: 'ping', payload: { settled: true } });
    const answer = await this.received();
    if (answer.type !== 'pong') throw new Error(`got ${answer.type} instead of a pong`);
  }

  /** Stops reading; what comes stays in the buffers of the socket, and then with the server. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Goes away without a word, as a machine that lost its power does. */
  terminate(): void {
    this.socket.terminate();
  }

  close(): Promise<Close> {
    this.socket.close(1000);
    return this.closed;
  }
}
