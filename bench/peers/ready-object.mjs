import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** The limit of queries: no query at all, a ready-made object turned into text and sent. */
const answer = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const server = createServer((request, response) => {
  request.resume();
  const body = JSON.stringify(answer);
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
});
server.listen(0, '127.0.0.1', () =>
  console.log(`ready-object serves http://127.0.0.1:${server.address().port}/`),
);
