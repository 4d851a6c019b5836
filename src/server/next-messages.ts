import type { ExecutionResult } from 'graphql';
import type { WebSocket } from 'ws';
import type { SharedResult } from './shared-stream.js';

/** Bytes a socket may have waiting before its streams stop to take more. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Sends an answer; null when it has to be sent by others, a promise when the socket has enough to do first. */
export type SendNext = (result: ExecutionResult) => Promise<void> | 'sent' | null;

/**
 * Sends the `next` messages of one operation around a text made once for all. A slow reader's stream rests
 * until the socket has emptied and then goes on where it was: its place in the source waits for it, and
 * what the source has dropped by then it will tell as a gap.
 */
export function nextMessages(socket: WebSocket, id: string): SendNext {
  const before = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  return (result) => {
    // Errors have parts that are not for clients; graphql-ws knows which.
    if (!isShared(result) || result.errors !== undefined) return null;
    const message = `${before}${result.stringify(result)}}`;
    if (socket.bufferedAmount > MAX_WAITING_BYTES) {
      return new Promise((resolve) => socket.send(message, () => resolve()));
    }
    socket.send(message);
    return 'sent';
  };
}

function isShared(result: ExecutionResult): result is SharedResult {
  return 'stringify' in result;
}
