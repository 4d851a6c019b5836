import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/**
 * Makes events inside the process of a server at a steady rate, when its parent asks: the same way for every
 * server under test, so that none pays for being told of each event.
 *
 * @param emit makes the event with a number; what it returns is waited for
 */
export function makeEventsWhenAsked(emit) {
  process.on('message', async (message) => {
    if (message.make === undefined) return;
    const { first, count, rate } = message.make;
    try {
      process.send(await paced(first, count, rate, emit));
    } catch (error) {
      process.send({ error: String(error.stack ?? error) });
    }
  });
}

async function paced(first, count, rate, emit) {
  // performance.timeOrigin makes times of two processes comparable.
  const madeAt = [];
  const begin = performance.now();
  for (let made = 0; made < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - begin) * rate) / 1000) + 1);
    while (made < due) {
      madeAt.push(performance.timeOrigin + performance.now());
      await emit(first + made++);
    }
    if (made < count) await new Promise((resolve) => setTimeout(resolve, 1));
    else await turn();
  }
  return { madeAt };
}

/** An HTTP server for a peer's sockets, that says where it is. */
export function listen(name, onRequest) {
  const server = createServer(onRequest ?? ((_request, response) => response.writeHead(404).end()));
  server.listen(0, '127.0.0.1', () =>
    console.log(`${name} serves http://127.0.0.1:${server.address().port}/`),
  );
  return server;
}
