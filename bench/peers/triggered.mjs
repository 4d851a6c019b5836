import { createServer } from 'node:http';

/** An HTTP server that is told over HTTP, as the real one is, which events to send out. */
export function listenForEvents(name, emit) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { first, count } = JSON.parse(Buffer.concat(chunks));
    for (let event = first; event < first + count; event++) await emit(event);
    response.end('{}');
  });
  server.listen(0, '127.0.0.1', () =>
    console.log(`${name} serves http://127.0.0.1:${server.address().port}/`),
  );
  return server;
}
