import { WebSocketServer } from 'ws';
import { listen, makeEventsWhenAsked } from './paced.mjs';

/** The limit of streams over WebSocket: one ready string of the given length to every socket. */
const text = 'x'.repeat(Number(process.argv[2]));
const sockets = new Set();

makeEventsWhenAsked(() => {
  for (const socket of sockets) socket.send(text);
});
const server = listen('ready-string');
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});
