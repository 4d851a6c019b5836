import { startTestServer, type TestServer } from '../support/server/test-server.js';
import { WsClient } from '../support/server/ws-client.js';

let running: TestServer;
let client: WsClient;
beforeEach(async () => {
  running = await startTestServer();
  running.server.serve();
  client = await WsClient.connect(running.url);
});
afterEach(() => running.server.stop());

describe('GraphQL over WebSocket', () => {
  it('streams and completes', async () => {
    client.subscribe('a', 'subscription ($to: Int!) { count(to: $to) }', { to: 2 });
    expect(await client.messages.next()).toEqual({ id: 'a', type: 'next', payload: { data: { count: 1 } } });
    expect(await client.messages.next()).toEqual({ id: 'a', type: 'next', payload: { data: { count: 2 } } });
    expect(await client.messages.next()).toEqual({ id: 'a', type: 'complete' });
  });

  it('answers queries and mutations', async () => {
    client.subscribe('q', '{ greeting }');
    expect(await client.messages.next()).toEqual({
      id: 'q',
      type: 'next',
      payload: { data: { greeting: 'hello' } },
    });
    expect(await client.messages.next()).toEqual({ id: 'q', type: 'complete' });
    client.subscribe('m', 'mutation { bump }');
    expect(await client.messages.next()).toEqual({ id: 'm', type: 'next', payload: { data: { bump: 1 } } });
  });

  it('lets go of the source when the client completes, and when it goes away', async () => {
    client.subscribe('a', 'subscription { endless }');
    await running.subscriptions(1);
    client.send({ id: 'a', type: 'complete' });
    await running.subscriptions(0);
    client.subscribe('b', 'subscription { endless }');
    await running.subscriptions(1);
    await client.close();
    await running.subscriptions(0);
  });

  it('lets go of a source that the client completes before it is open', async () => {
    client.subscribe('a', 'subscription { endless }');
    client.send({ id: 'a', type: 'complete' });
    client.subscribe('b', 'subscription { endless }');
    await running.subscriptions(1);
    client.send({ id: 'b', type: 'complete' });
    await running.subscriptions(0);
  });

  it.each([
    ['that does not parse', '{', 'Syntax Error'],
    ['that is not valid', '{ nothing }', 'Cannot query field'],
  ])('ends an operation %s and leaves the others alone', async (_what, query, message) => {
    client.subscribe('alive', 'subscription { endless }');
    await running.subscriptions(1);
    client.subscribe('bad', query);
    expect(await client.messages.next()).toMatchObject({
      id: 'bad',
      type: 'error',
      payload: [{ message: expect.stringContaining(message) }],
    });
    await client.settled();
    await running.subscriptions(1);
  });

  it.each([
    ['in the middle of a stream', 'subscription { breaks }', 2],
    ['when a stream begins', 'subscription { refuses }', 1],
    ['in a query', '{ boom }', 1],
  ])('masks an error %s and leaves the others alone', async (_what, query, count) => {
    client.subscribe('alive', 'subscription { endless }');
    await running.subscriptions(1);
    client.subscribe('bad', query);
    let last = '';
    for (let n = 0; n < count; n++) last = JSON.stringify(await client.messages.next());
    expect(last).toContain('Unexpected error.');
    expect(last).not.toContain('hunter2');
    expect(running.logged.at(-1)?.err?.message).toBe('the password is hunter2');
    await running.subscriptions(1);
  });

  it.each([
    ['text that is no message', '{', 4400],
    [
      'an operation before the protocol has begun',
      JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ greeting }' } }),
      4401,
    ],
  ])('closes on %s', async (_what, text, code) => {
    const fresh = await WsClient.open(running.url);
    fresh.send(text);
    expect(await fresh.closed).toMatchObject({ code });
  });

  it('closes on a second beginning and on a second operation of one id', async () => {
    client.send({ type: 'connection_init' });
    expect(await client.closed).toMatchObject({ code: 4429 });
    const other = await WsClient.connect(running.url);
    other.subscribe('a', 'subscription { endless }');
    other.subscribe('a', 'subscription { endless }');
    expect(await other.closed).toMatchObject({ code: 4409 });
    await running.subscriptions(0);
  });

  it('closes on a message longer than 16 MiB', async () => {
    client.subscribe('a', 'x'.repeat(17_000_000));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  it('compresses nothing', async () => {
    const fresh = await WsClient.open(running.url, undefined, { perMessageDeflate: true });
    expect(fresh.extensions).toBe('');
    await fresh.close();
  });

  it('refuses pages of other origins, and other addresses', async () => {
    const origin = 'http://evil.example';
    await expect(WsClient.open(running.url, undefined, { origin })).rejects.toThrow('403');
    await expect(WsClient.open(`${running.base}/elsewhere`)).rejects.toThrow('404');
  });

  it('is closed with 1001 when the server stops, and lets go of its sources', async () => {
    client.subscribe('a', 'subscription { endless }');
    await running.subscriptions(1);
    await running.server.stop();
    expect(await client.closed).toMatchObject({ code: 1001 });
    await running.subscriptions(0);
  });
});
