import { once } from 'node:events';
import { connect } from 'node:net';
import { openSse } from '../support/server/sse-client.js';
import { startTestServer, type TestServer } from '../support/server/test-server.js';

let running: TestServer;
beforeEach(async () => {
  running = await startTestServer([{ query: 'query Starter { greeting }' }]);
  running.server.serve();
});
afterEach(() => running.server.stop());

function post(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(running.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

/** What a server answers to bytes that no well-behaved client would send. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
  socket.end(text);
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  await once(socket, 'close');
  return answer;
}

describe('GraphQL over HTTP', () => {
  it('answers a query with what the context gives', async () => {
    const response = await post('{"query":"{ greeting }"}');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ data: { greeting: 'hello' } });
  });

  it('answers a query in the address, and no mutation there', async () => {
    expect(await (await fetch(`${running.url}?query={greeting}`)).json()).toEqual({
      data: { greeting: 'hello' },
    });
    expect((await fetch(`${running.url}?query=mutation{bump}`)).status).toBe(405);
  });

  it('answers 400 to JSON that is none, and to JSON that is no object', async () => {
    for (const body of ['{"query":', '7', 'null', '']) {
      const response = await post(body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        errors: [{ message: expect.stringMatching(/^POST body /) }],
      });
    }
  });

  it('answers 415 to a form, which another site could send unasked', async () => {
    const response = await post('query={greeting}', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(response.status).toBe(415);
  });

  it('answers a body of several megabytes', async () => {
    const text = 'x'.repeat(8_000_000);
    const response = await post(
      JSON.stringify({ query: 'query ($text: String!) { length(text: $text) }', variables: { text } }),
    );
    expect(await response.json()).toEqual({ data: { length: 8_000_000 } });
  });

  it('answers 413 to a body that says it is too long, and to one that only turns out to be', async () => {
    const told = await post('x'.repeat(17_000_000));
    expect(told.status).toBe(413);
    const chunk = Buffer.alloc(1_000_000, 'x');
    let left = 17;
    const found = await fetch(running.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new ReadableStream({
        pull: (stream) => (left-- > 0 ? stream.enqueue(chunk) : stream.close()),
      }),
      duplex: 'half',
    } as RequestInit);
    expect(found.status).toBe(413);
    expect(await found.json()).toEqual({
      errors: [
        {
          message: 'The request body is longer than 16777216 bytes.',
          extensions: { code: 'PAYLOAD_TOO_LARGE' },
        },
      ],
    });
  });

  it('refuses batches', async () => {
    expect((await post('[{"query":"{ greeting }"}]')).status).toBe(400);
  });

  it('shows an error meant for clients, and of any other only a number', async () => {
    const shown = (await (await post('{"query":"{ refused }"}')).json()) as { errors: unknown[] };
    expect(shown.errors).toMatchObject([{ message: 'Not today.', extensions: { code: 'REFUSED' } }]);
    const masked = await (await post('{"query":"{ boom }"}')).text();
    expect(masked).not.toContain('hunter2');
    const { errors } = JSON.parse(masked) as { errors: { extensions: { code: string; errorId: string } }[] };
    expect(errors).toMatchObject([
      { message: 'Unexpected error.', path: ['boom'], extensions: { code: 'INTERNAL_SERVER_ERROR' } },
    ]);
    const lines = running.logged.filter(({ errorId }) => errorId === errors[0]?.extensions.errorId);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.err?.message).toBe('the password is hunter2');
    expect(lines[0]?.err?.stack).toContain('test-server');
  });

  it('refuses what a page of another origin sends', async () => {
    expect((await post('{"query":"{ greeting }"}', { origin: 'http://evil.example' })).status).toBe(403);
    expect((await post('{"query":"{ greeting }"}', { origin: 'null' })).status).toBe(403);
    expect((await post('{"query":"{ greeting }"}', { origin: running.base })).status).toBe(200);
  });

  it('survives a request line that is no address and a client that leaves in the middle of its body', async () => {
    expect(await raw('GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 404 /);
    await raw(
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"que',
    );
    expect((await post('{"query":"{ greeting }"}')).status).toBe(200);
  });
});

describe('GraphQL over server-sent events', () => {
  it('streams and completes', async () => {
    const stream = await openSse(running.url, 'subscription { count(to: 2) }');
    expect(await stream.next()).toEqual({ event: 'next', data: { data: { count: 1 } } });
    expect(await stream.next()).toEqual({ event: 'next', data: { data: { count: 2 } } });
    expect(await stream.next()).toEqual({ event: 'complete', data: null });
    expect(await stream.next()).toBeNull();
  });

  it('lets go of the source when the client goes away', async () => {
    const stream = await openSse(running.url, 'subscription { endless }');
    await running.subscriptions(1);
    stream.abandon();
    await running.subscriptions(0);
  });

  it('masks an error in the middle of a stream', async () => {
    const stream = await openSse(running.url, 'subscription { breaks }');
    await stream.next();
    const rest = JSON.stringify([await stream.next(), await stream.next()]);
    expect(rest).toContain('Unexpected error.');
    expect(rest).not.toContain('hunter2');
  });

  it('ends without "complete" when the server stops, so that a client comes back', async () => {
    const stopping = await startTestServer();
    stopping.server.serve();
    const stream = await openSse(stopping.url, 'subscription { endless }');
    await stopping.subscriptions(1);
    await stopping.server.stop();
    expect(await stream.next()).toBeNull();
    await stopping.subscriptions(0);
  });
});

describe('what else is on the port', () => {
  it('sends people who ask for the root to the API', async () => {
    const response = await fetch(`${running.base}/`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, '/graphql']);
    expect((await fetch(`${running.base}/nothing`)).status).toBe(404);
  });

  it('is live at once and ready only while it serves', async () => {
    const starting = await startTestServer();
    const ready = async () => {
      const response = await fetch(`${starting.base}/health/ready`);
      return [response.status, await response.json()];
    };
    expect(await ready()).toEqual([503, { status: 'starting' }]);
    expect((await fetch(`${starting.base}/health/live`)).status).toBe(200);
    const early = await fetch(`${starting.url}?query={greeting}`);
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
    starting.server.serve();
    expect(await ready()).toEqual([200, { status: 'ready' }]);
    await starting.server.stop();
    await expect(fetch(`${starting.base}/health/ready`)).rejects.toThrow('fetch failed');
  });

  it('gives browsers GraphiQL with its tabs, compressed, under a policy of its own', async () => {
    const response = await fetch(running.url, { headers: { accept: 'text/html' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(response.headers.get('content-security-policy')).toContain("connect-src 'self'");
    expect(await response.text()).toContain('query Starter { greeting }');
    const api = await post('{"query":"{ greeting }"}');
    expect(api.headers.get('content-security-policy')).toBeNull();
  });
});
