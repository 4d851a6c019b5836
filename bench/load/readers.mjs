import { once } from 'node:events';
import { request } from 'node:http';
import WebSocket from 'ws';
import { PLATFORM, SUBSCRIPTION } from '../fanout-work.mjs';

const variables = { platform: PLATFORM };

/**
 * One subscriber each: opens a connection, subscribes, and hands over every message: its text, and what it
 * tells, null where the server sends ready text that tells nothing. Gives what closes it.
 */
export const READERS = {
  'ready-ws': async (url, _id, take) => {
    const socket = new WebSocket(url.replace('http', 'ws'));
    await once(socket, 'open');
    socket.on('message', (text) => take(text, null));
    return () => closeSocket(socket);
  },
  ws: async (url, id, take) => {
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init' }));
    await once(socket, 'message');
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.type !== 'next') throw new Error(String(text));
      take(text, message.payload);
    });
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query: SUBSCRIPTION, variables } }));
    await roundTrip(socket);
    return () => closeSocket(socket);
  },
  'ready-sse': async (url, _id, take) => openEvents(url, (text) => take(text, null)),
  sse: async (url, _id, take) => {
    return openEvents(url, (text) => take(text, JSON.parse(text.slice(text.indexOf('data: ') + 6))));
  },
};

function closeSocket(socket) {
  socket.close();
  return once(socket, 'close');
}

/** What a client has sent is read when a ping sent after it was answered; subscribing takes a few turns more. */
async function roundTrip(socket) {
  for (let turn = 0; turn < 3; turn++) {
    socket.ping();
    await once(socket, 'pong');
  }
}

async function openEvents(url, take) {
  const body = JSON.stringify({ query: SUBSCRIPTION, variables });
  const headers = { accept: 'text/event-stream', 'content-type': 'application/json' };
  const sent = request(url, { method: 'POST', agent: false, headers });
  sent.end(body);
  const [response] = await once(sent, 'response');
  response.setEncoding('utf8');
  let text = '';
  const begun = new Promise((resolve) => {
    response.on('data', (chunk) => {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        // The first thing is a comment.
        if (event === ':') resolve();
        else take(event);
      }
    });
  });
  await begun;
  return () => {
    sent.destroy();
    return Promise.resolve();
  };
}
