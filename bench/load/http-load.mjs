import { Agent, request } from 'node:http';
import { answerWith } from './reply.mjs';

/** Posts one body over and over on kept connections; every answer must be 200 and as long as the first. */
answerWith(async ({ url, body, connections, requests }) => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const expected = await post(agent, url, body);
  let left = requests;
  const worker = async () => {
    while (left-- > 0) {
      const length = await post(agent, url, body);
      if (length !== expected) throw new Error(`an answer of ${length} bytes, not ${expected}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
  return { requests: requests + 1 };
});

function post(agent, url, body) {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let length = 0;
        response.on('data', (chunk) => (length += chunk.length));
        response.on('end', () =>
          response.statusCode === 200 ? resolve(length) : reject(new Error(`status ${response.statusCode}`)),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
