import { listen, makeEventsWhenAsked } from './paced.mjs';

/** The limit of streams over server-sent events: the same ready text of the given length to every response. */
const text = `data: ${'x'.repeat(Number(process.argv[2]) - 8)}\n\n`;
const responses = new Set();

makeEventsWhenAsked(() => {
  for (const response of responses) response.write(text);
});
listen('ready-event', (request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(':\n\n');
  responses.add(response);
  response.once('close', () => responses.delete(response));
});
