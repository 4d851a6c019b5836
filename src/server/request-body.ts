import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';

/** Most bytes a request or a WebSocket message may have; imports of large machines are a few MB. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** What yoga hands to plugins about the request under way. */
export interface ServerContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Reads bodies from the socket itself, with a bound. Yoga's own bound wraps every body in web streams, which
 * costs more than the rest of a small query.
 *
 * JSON and GraphQL text are taken; forms are not, since another site's page can send those unasked.
 */
export function useBoundedBody(): Plugin<object, ServerContext> {
  return {
    onRequestParse({ request, serverContext, setRequestParser }) {
      if (request.method !== 'POST') return;
      const type = request.headers.get('content-type')?.split(/[;,]/, 1)[0]?.trim().toLowerCase();
      switch (type) {
        case 'application/json':
        case 'application/graphql+json':
          setRequestParser(async () => parseJson(await readBody(serverContext.req)));
          break;
        case 'application/graphql':
          setRequestParser(async () => ({ query: await readBody(serverContext.req) }));
          break;
        default:
          setRequestParser(() => {
            throw badRequest(
              415,
              'UNSUPPORTED_MEDIA_TYPE',
              'POST bodies are application/json or application/graphql.',
            );
          });
      }
    },
  };
}

/**
 * The body as text. When it is too long the rest is read and thrown away: closing at once would reset the
 * connection before the client has read why.
 */
export function readBody(request: IncomingMessage, limit = MAX_BODY_BYTES): Promise<string> {
  return new Promise((resolve, reject) => {
    const tooLarge = () =>
      reject(badRequest(413, 'PAYLOAD_TOO_LARGE', `The request body is longer than ${limit} bytes.`));
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      request.resume();
      tooLarge();
      return;
    }
    let chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else if (chunks.length > 0) {
        chunks = [];
        tooLarge();
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString()));
    request.once('close', () => {
      // Every request closes; making an error takes a stack trace.
      if (request.complete) return;
      reject(badRequest(400, 'BAD_REQUEST', 'The request ended before its body did.'));
    });
    request.once('error', () => undefined);
  });
}

function parseJson(text: string): GraphQLParams {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw badRequest(400, 'BAD_REQUEST', 'POST body sent invalid JSON.');
  }
  if (typeof body !== 'object' || body === null) {
    throw badRequest(400, 'BAD_REQUEST', 'POST body is expected to be a JSON object.');
  }
  return body;
}

function badRequest(status: number, code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status } } });
}
