import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { handleProtocols, makeServer } from 'graphql-ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { Connection } from './connection.js';
import type { Endpoint } from './endpoint.js';
import { Heartbeat } from './heartbeat.js';
import type { Mask } from './masked-errors.js';
import { MAX_BODY_BYTES } from './request-body.js';
import { socketOperations } from './socket-operations.js';
import type { OpenStream } from './streams.js';

/** The close code of a server that stops (RFC 6455, 7.4.1 "Defined Status Codes"). */
const GOING_AWAY = 1001;

/** The WebSocket half of the server. */
export interface WebSockets {
  /** Takes over a connection that asked to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes every socket with 1001; those that do not answer are cut when the time is over. */
  stop(graceMs: number): Promise<void>;
}

/** graphql-ws over ws. */
export function createWebSockets(
  endpoint: Endpoint,
  openStream: OpenStream,
  mask: Mask,
  logger: Logger,
): WebSockets {
  // No server of its own: an address in use is then reported once, by the HTTP server.
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_BODY_BYTES,
    handleProtocols,
  });
  const protocol = makeServer(socketOperations(endpoint, openStream, mask));
  const heartbeat = new Heartbeat();

  /** What a client did wrong; ws has closed the socket with the reason. */
  const failed = (error: Error) => logger.info({ err: error.message }, 'socket closed');

  function opened(socket: WebSocket, wire: Duplex): void {
    const connection = new Connection(socket, wire, mask);
    const closed = protocol.opened(connection, connection);
    socket.on('close', (code, reason) => {
      closed(code, String(reason)).catch(mask);
    });
    socket.on('error', failed);
    heartbeat.add(socket);
  }

  return {
    upgrade: (request, wire, head) =>
      sockets.handleUpgrade(request, wire, head, (socket) => opened(socket, wire)),
    async stop(graceMs) {
      heartbeat.stop();
      const closed = new Promise<void>((resolve) => sockets.close(() => resolve()));
      for (const client of sockets.clients) client.close(GOING_AWAY, 'Going away');
      const timer = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
