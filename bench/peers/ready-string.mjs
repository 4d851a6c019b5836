import { WebSocketServer } from 'ws';
import { listenForEvents } from './triggered.mjs';

/** The limit of streams: one ready string of the given length to every socket. */
const text = 'x'.repeat(Number(process.argv[2]));
const sockets = new Set();

const server = listenForEvents('ready-string', () => {
  for (const socket of sockets) socket.send(text);
});
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
  // The first message of a client stands for its subscription.
  socket.once('message', () => sockets.add(socket));
  socket.once('close', () => sockets.delete(socket));
});
