import { once } from 'node:events';
import WebSocket from 'ws';
import { PLATFORM, SUBSCRIPTION, faultsOperation, pageText } from '../fanout-work.mjs';
import { answerWith } from './reply.mjs';

/** What is not there this long after the last event was made counts as lost. */
const PATIENCE_MS = 30_000;

/** Subscribes, has events made at a steady rate, and waits until every subscriber has every one of them. */
answerWith(async ({ url, kind, subscribers, first, events, batch, rate }) => {
  const made = [];
  const readers = await Promise.all(
    Array.from({ length: subscribers }, (_, index) =>
      subscribe(url, kind, `subscriber-${index}`, first, made),
    ),
  );
  const everything = Promise.all(readers.map((reader) => reader.received(events)));
  const begin = performance.now();
  for (let done = 0; done < events; done += batch) {
    const due = begin + (done / rate) * 1000;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const count = Math.min(batch, events - done);
    made.push(...Array.from({ length: count }, () => performance.now()));
    await trigger(url, kind, first + done, count);
  }
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
  await Promise.race([everything, late]);
  clearTimeout(timer);
  const seconds = (performance.now() - begin) / 1000;
  const latencies = readers.flatMap((reader) => reader.latencies).sort((a, b) => a - b);
  await Promise.all(readers.map((reader) => reader.close()));
  const failed = readers.find((reader) => reader.wrong !== null);
  if (failed !== undefined) throw new Error(failed.wrong);
  return {
    delivered: latencies.length,
    lost: subscribers * events - latencies.length,
    messages: readers.reduce((sum, reader) => sum + reader.messages, 0),
    bytes: readers.reduce((sum, reader) => sum + reader.bytes, 0),
    seconds,
    sample: readers[0]?.sample ?? null,
    p50: latencies[Math.floor(latencies.length * 0.5)] ?? null,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? null,
  };
});

async function trigger(url, kind, first, count) {
  const body = kind === 'real' ? faultsOperation(first, count) : { first, count };
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { errors } = await response.json();
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
}

/** One socket with one subscription that checks that events come in order and without a hole. */
async function subscribe(url, kind, id, first, made) {
  const socket = new WebSocket(url.replace('http', 'ws'), kind === 'ready' ? [] : ['graphql-transport-ws']);
  await once(socket, 'open');
  const reader = { latencies: [], messages: 0, bytes: 0, wrong: null, sample: null, received, close };
  let finish = null;
  let awaited = Infinity;
  const take = (address) => {
    const index = reader.latencies.length;
    const expected = pageText(first + index);
    if (address !== null && address !== expected) {
      reader.wrong ??= `${id} got ${address} where ${expected} was due`;
    }
    reader.latencies.push(performance.now() - made[index]);
    if (index + 1 === awaited) finish();
  };
  const count = (text) => {
    reader.messages++;
    reader.bytes += text.length;
    reader.sample ??= String(text);
  };
  if (kind === 'ready') {
    socket.on('message', (text) => {
      count(text);
      take(null);
    });
    socket.send('subscribe');
    await roundTrip(socket);
  } else {
    socket.send(JSON.stringify({ type: 'connection_init' }));
    await once(socket, 'message');
    const payload = { query: SUBSCRIPTION, variables: { platform: PLATFORM } };
    socket.send(JSON.stringify({ id, type: 'subscribe', payload }));
    await roundTrip(socket);
    socket.on('message', (text) => {
      count(text);
      const message = JSON.parse(text);
      if (message.type !== 'next' || message.payload.errors !== undefined) {
        reader.wrong ??= String(text);
        return;
      }
      for (const { address } of message.payload.data.faults.events) take(address);
    });
  }
  return reader;

  function received(events) {
    awaited = events;
    return new Promise((resolve) => (finish = resolve));
  }

  function close() {
    socket.close();
    return once(socket, 'close');
  }
}

/** What a client has sent is read when a ping sent after it was answered; subscribing takes a few turns more. */
async function roundTrip(socket) {
  for (let turn = 0; turn < 3; turn++) {
    socket.ping();
    await once(socket, 'pong');
  }
}
