import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { createEndpoint, GRAPHQL_PATH } from './endpoint.js';
import { GRAPHIQL_POLICY, graphiqlPage } from './graphiql-page.js';
import type { GraphiqlTab } from './graphiql-tabs.js';
import { createMask } from './masked-errors.js';
import { isSameOrigin } from './origin.js';
import { DEFAULT_STREAMS, type StreamSettings } from './stream-settings.js';
import { createStreams } from './streams.js';
import { createWebSockets } from './web-sockets.js';

/** How long clients have to finish when the server stops. */
const GRACE_MS = 2000;

export interface GraphServerOptions {
  readonly schema: GraphQLSchema;
  /** What resolvers get; asked once an operation, and only after {@link GraphServer.serve}. */
  readonly context: () => object;
  readonly logger: Logger;
  readonly graphiqlTabs: readonly GraphiqlTab[];
  /** How streams are carried; what is left out is as in {@link DEFAULT_STREAMS}. */
  readonly streams?: Partial<StreamSettings>;
}

/** One port carrying GraphQL over HTTP, SSE and WebSocket, GraphiQL, and the health of all that. */
export interface GraphServer {
  /** Takes the port; every operation is answered 503 until {@link serve}. Rejects when it is not to be had. */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** From here on operations are run. */
  serve(): void;
  /** Ends streams, lets running requests finish for a moment, and lets go of the port. */
  stop(): Promise<void>;
}

/** Builds a server; nothing is listened to yet. */
export function createServer(options: GraphServerOptions): GraphServer {
  const { schema, context, logger, graphiqlTabs, streams } = options;
  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  const mask = createMask(logger);
  const openStream = createStreams({ ...DEFAULT_STREAMS, ...streams }, mask);
  const endpoint = createEndpoint(schema, context, mask, logger, openStream);
  const webSockets = createWebSockets(endpoint, openStream, mask, logger);
  const page = graphiqlPage(graphiqlTabs);
  const responses = new Set<ServerResponse>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-content-type-options', 'nosniff');
    const pathname = pathOf(request);
    switch (pathname) {
      case '/health/live':
        return sendJson(response, 200, { status: 'live' });
      case '/health/ready':
        return sendJson(response, state === 'ready' ? 200 : 503, { status: state });
      case '/':
        response.setHeader('location', GRAPHQL_PATH);
        return sendJson(response, 302, { graphql: GRAPHQL_PATH });
      case GRAPHQL_PATH:
        return answerGraphql(request, response);
      default:
        return sendJson(response, 404, { errors: [{ message: `Nothing is served at ${pathname}.` }] });
    }
  }

  async function answerGraphql(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET' && request.headers.accept?.includes('text/html')) {
      return sendPage(request, response);
    }
    if (state !== 'ready') {
      response.setHeader('retry-after', '1');
      return sendJson(response, 503, { errors: [{ message: `The server is ${state}.` }] });
    }
    if (!isSameOrigin(request)) {
      return sendJson(response, 403, { errors: [{ message: 'Pages of other origins are not served.' }] });
    }
    await endpoint(request, response);
  }

  async function sendPage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { html, gzipped } = await page();
    const zip = request.headers['accept-encoding']?.includes('gzip') === true;
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': GRAPHIQL_POLICY,
      'content-length': zip ? gzipped.length : html.length,
      vary: 'accept, accept-encoding',
      ...(zip && { 'content-encoding': 'gzip' }),
    });
    response.end(zip ? gzipped : html);
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const pathname = pathOf(request);
    if (pathname !== GRAPHQL_PATH) return refuseUpgrade(socket, '404 Not Found');
    if (state !== 'ready') return refuseUpgrade(socket, '503 Service Unavailable');
    if (!isSameOrigin(request)) return refuseUpgrade(socket, '403 Forbidden');
    webSockets.upgrade(request, socket, head);
  }

  const http = createHttpServer(
    { noDelay: true, requestTimeout: 30_000, headersTimeout: 10_000 },
    (request, response) => {
      responses.add(response);
      response.once('close', () => {
        responses.delete(response);
        if (state === 'stopping') closeUnused();
      });
      // A client that went away while it was written to; there is nobody left to tell.
      response.on('error', () => undefined);
      answer(request, response).catch((error: unknown) => {
        mask(error);
        response.destroy();
      });
    },
  );
  http.on('upgrade', upgrade);

  /** Clients keep connections open for their next request; with none under way they can go. */
  function closeUnused(): void {
    if (responses.size === 0) http.closeAllConnections();
  }

  async function stop(): Promise<void> {
    state = 'stopping';
    const closed = new Promise<void>((resolve) => http.close(() => resolve()));
    closeUnused();
    // Ended without SSE's "complete", so that a client knows to come back, as 1001 tells the others.
    for (const response of responses) {
      if (String(response.getHeader('content-type')).startsWith('text/event-stream')) response.end();
    }
    const timer = setTimeout(() => http.closeAllConnections(), GRACE_MS);
    await webSockets.stop(GRACE_MS);
    await closed;
    clearTimeout(timer);
    await endpoint.dispose();
  }
  let stopped: Promise<void> | null = null;

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        http.once('error', reject);
        http.listen({ host, port }, () => {
          http.off('error', reject);
          http.on('error', (error) => logger.error({ err: error }, 'http server'));
          resolve(http.address() as AddressInfo);
        });
      }),
    serve: () => {
      state = 'ready';
    },
    stop: () => (stopped ??= stop()),
  };
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(body));
}

/** Not through URL: what a client sends need not be one. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
