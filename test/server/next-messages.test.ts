import type { WebSocket } from 'ws';
import { nextMessages } from '../../src/server/next-messages.js';

class Socket {
  bufferedAmount = 0;
  readonly sent: string[] = [];
  flushed: (() => void) | null = null;
  send(text: string, flushed?: () => void) {
    this.sent.push(text);
    this.flushed = flushed ?? null;
  }
}

const RESULT = { data: { n: 1 }, stringify: () => '{"data":{"n":1}}' };
const messagesOf = (socket: Socket) => nextMessages(socket as unknown as WebSocket, 'a"b');

describe('next messages', () => {
  it('puts the ready text into the envelope of the operation', () => {
    const socket = new Socket();
    expect(messagesOf(socket)(RESULT)).toBe('sent');
    expect(JSON.parse(socket.sent[0])).toEqual({ id: 'a"b', type: 'next', payload: { data: { n: 1 } } });
  });

  it('leaves answers without a ready text, and those with errors, to the protocol', () => {
    const socket = new Socket();
    const send = messagesOf(socket);
    expect(send({ data: { n: 1 } })).toBeNull();
    expect(send({ ...RESULT, errors: [] })).toBeNull();
    expect(socket.sent).toEqual([]);
  });

  it('makes the stream of a slow reader rest until its socket has emptied', async () => {
    const socket = new Socket();
    socket.bufferedAmount = 1024 * 1024 + 1;
    let rested = false;
    const sending = messagesOf(socket)(RESULT) as Promise<void>;
    void sending.then(() => (rested = true));
    await Promise.resolve();
    expect(rested).toBe(false);
    expect(socket.sent).toHaveLength(1);
    socket.flushed!();
    await sending;
  });
});
