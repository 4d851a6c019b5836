import assert from 'node:assert/strict';
import { pageText } from './fanout-work.mjs';
import { Load, Server } from './processes.mjs';
import { median, printRows, ratioText, spreadText, time, verdict } from './table.mjs';

const ROUNDS = 9;
const WARM_UP_ROUNDS = 1;
/**
 * Messages each server sends before the first round. What is done once an event is compiled after some thousand
 * events; whoever sends a ready string, or executes for every subscriber, does nothing else or is there a hundred
 * times sooner. With fewer, one is measured compiling and the others are not. The more subscribers share
 * an event, the less it matters what is done once.
 */
const WARM_UP_MESSAGES = 500_000;

/**
 * The benchmarks; events are how many each round makes, at their rate per second. What is counted is messages, so
 * that a server gains nothing by sending two events as one; in a burst that is what it should do, and events are
 * counted.
 */
export const FANOUT = {
  'fanout-100': { subscribers: 100, rate: 200, events: 300, toLimit: 1.2, toEach: 0.35 },
  'fanout-1000': { subscribers: 1000, rate: 30, events: 30, toLimit: 1.2, toEach: 0.35 },
  'fanout-5000': { subscribers: 5000, rate: 6, events: 8, toLimit: 1.2, toEach: 0.35 },
  'fanout-burst': {
    subscribers: 100,
    rate: 1000,
    events: 500,
    toLimit: 0.5,
    toEach: 0.35,
    counts: 'delivered',
    settings: { gatherMs: 10 },
    p99: 20,
  },
  'sse-1000': { subscribers: 1000, rate: 30, events: 30, toLimit: 1.2, sse: true },
};

/**
 * Faults read by many subscribers, each on a connection of its own: CPU of the server for what is delivered to one
 * of them.
 *
 * Every server makes its events inside its own process, at the same rate and by the same clock. What that costs
 * (here a command that is logged, and a request that is translated and blocked) is measured next to it, round by
 * round, on a second process of the same server that nobody has subscribed to, and taken off. Where that would
 * take off more than twice what it leaves, the rest is the difference of two large numbers: nothing is taken off then, and
 * the figure is an upper bound.
 */
export async function fanout(name) {
  const work = FANOUT[name];
  const started = [];
  const start = async (starting) => {
    const one = await starting;
    started.push(one);
    return one;
  };
  const peer = (script, argument) => start(Server.startPeer(script, argument));
  const candidate = async (name, title, kind, script, argument) => ({
    ...{ name, title, kind, rounds: [] },
    server: await peer(script, argument),
    unread: await peer(script, argument),
    // A process may have fewer files open than all subscribers together.
    load: await start(new Load(new URL('load/fanout-load.mjs', import.meta.url))),
  });
  try {
    const kind = work.sse ? 'sse' : 'ws';
    const real = await candidate(
      'real',
      'iommu-graph',
      kind,
      'iommu-graph',
      JSON.stringify(work.settings ?? {}),
    );

    // One event alone tells what a message looks like and how long it is.
    const { sample, payload } = await sampleOf(real);
    const limit = await candidate(
      'limit',
      work.sse ? 'limit: one ready text' : 'limit: ws, one ready string',
      `ready-${kind}`,
      work.sse ? 'ready-event' : 'ready-string',
      String(sample.length + (work.sse ? 2 : 0)),
    );
    const candidates = [real, limit];
    if (work.settings === undefined) {
      // What one message costs, without several events sharing it on a busy machine.
      const title = 'iommu-graph, window 0';
      candidates.push(await candidate('single', title, kind, 'iommu-graph', '{"gatherMs":0}'));
    }
    if (!work.sse) {
      const title = 'graphql-ws and graphql-js, each executes';
      const each = await candidate('each', title, 'ws', 'each-executes', JSON.stringify(payload.data));
      const theirs = await sampleOf(each);
      assert.deepEqual(theirs.payload, payload);
      candidates.splice(1, 0, each);
    }
    await measure(candidates, work);
    print(name, work, sample.length, candidates);
  } finally {
    for (const one of started.reverse()) await one.stop();
  }
}

/** The event with the number 0, as a subscriber gets it. */
async function sampleOf({ load, server, kind }) {
  await load.run({ open: { name: 'sample', kind, url: server.url, subscribers: 1 } });
  await load.run({ collect: { name: 'sample', expect: { first: 0, events: 1 } } });
  const { madeAt } = await server.make(0, 1, 1);
  const { sample } = await load.run({ collect: { name: 'sample', madeAt } });
  await load.run({ close: { name: 'sample' } });
  const text = sample.slice(sample.indexOf('{'));
  const message = JSON.parse(text);
  const payload = message.payload ?? message;
  assert.equal(payload.data.faults.events[0].address, pageText(0));
  // Where it lies in the platform's history is no part of what is compared.
  payload.data.faults.cursor = 'x'.repeat(payload.data.faults.cursor.length);
  return { sample, payload };
}

async function measure(candidates, { subscribers, rate, events, counts = 'messages' }) {
  for (const { name, kind, server, load } of candidates)
    await load.run({ open: { name, kind, url: server.url, subscribers } });
  let first = 1;
  const warmUp = Math.max(events, WARM_UP_MESSAGES / subscribers);
  // All of them at once: what it costs is not counted yet.
  await Promise.all(candidates.map((one) => warm(one, first, warmUp, { events, rate })));
  first += warmUp;
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const { name, server, unread, load, rounds } of candidates) {
      const alone = await unread.cpuDuring(() => unread.make(first, events, rate));
      await load.run({ collect: { name, expect: { first, events } } });
      const { microseconds, result } = await server.cpuDuring(async () => {
        const { madeAt } = await server.make(first, events, rate);
        return load.run({ collect: { name, madeAt } });
      });
      first += events;
      if (round < 0) continue;
      const share = (cpu) => cpu / Math.max(1, result[counts]);
      rounds.push({ ...result, whole: share(microseconds), making: share(alone.microseconds) });
    }
  }
  for (const { rounds } of candidates) {
    const making = median(rounds.map((round) => round.making));
    const isBound = making > (median(rounds.map((round) => round.whole)) * 2) / 3;
    for (const round of rounds) round.cost = isBound ? round.whole : round.whole - making;
  }
}

/** Has a server and the one nobody reads make events, at the pace of the rounds and no more at a time than they do. */
async function warm({ name, server, unread, load }, from, count, { events, rate }) {
  const unreadWarm = unread.make(from, count, rate);
  for (let first = from; first < from + count; first += events) {
    const some = Math.min(events, from + count - first);
    await load.run({ collect: { name, expect: { first, events: some } } });
    const { madeAt } = await server.make(first, some, rate);
    await load.run({ collect: { name, madeAt } });
  }
  await unreadWarm;
}

function print(name, work, bytes, candidates) {
  const [real, limit, each, single] = ['real', 'limit', 'each', 'single'].map((wanted) =>
    candidates.find((one) => one.name === wanted),
  );
  const values = (one, key) => one.rounds.map((round) => round[key]);
  const of = (one, key) => median(values(one, key));
  const row = (one, target) => [
    one.title,
    time(of(one, 'cost') * 1000),
    ratioText(of(one, 'cost') / of(limit, 'cost')),
    spreadText(values(one, 'cost'), values(limit, 'cost')),
    time(of(one, 'whole') * 1000),
    time(of(one, 'making') * 1000),
    (of(one, 'delivered') / of(one, 'messages')).toFixed(1),
    (of(one, 'delivered') / work.subscribers / of(one, 'seconds')).toFixed(0),
    String(values(one, 'lost').reduce((sum, lost) => sum + lost, 0)),
    `${of(one, 'p50').toFixed(1)} ms`,
    `${of(one, 'p99').toFixed(1)} ms`,
    target,
  ];
  const toLimit = of(real, 'cost') / of(limit, 'cost');
  printRows(
    `${name}: ${work.subscribers} subscribers x ${work.rate} faults/s, ${bytes} bytes each, ${ROUNDS} rounds of ${work.events} faults`,
    [
      'server',
      work.counts === 'delivered' ? 'CPU/event' : 'CPU/message',
      'to limit',
      'rounds',
      'with making',
      'making',
      'events/message',
      'events/s',
      'lost',
      'p50',
      'p99',
      'target',
    ],
    [
      row(limit, ''),
      row(real, `<= ${work.toLimit} ${verdict(toLimit, work.toLimit)}`),
      ...(single === undefined ? [] : [row(single, '')]),
      ...(each === undefined ? [] : [row(each, '')]),
    ],
  );
  if (each !== undefined) {
    const toEach = of(real, 'cost') / of(each, 'cost');
    console.log(
      `iommu-graph to each executing: ${ratioText(toEach)}, target <= ${work.toEach} ${verdict(toEach, work.toEach)}`,
    );
  }
  if (work.p99 !== undefined) {
    const lost = values(real, 'lost').reduce((sum, one) => sum + one, 0);
    console.log(
      `nothing lost: ${lost === 0 ? 'met' : 'MISSED'}; p99 ${of(real, 'p99').toFixed(1)} ms, target <= ${work.p99} ms ${verdict(of(real, 'p99'), work.p99)}`,
    );
  }
  console.log('counted at each subscriber; what making the faults costs is taken off');
  if (of(real, 'cost') === of(real, 'whole'))
    console.log(
      'most of what iommu-graph used was for making the faults: nothing is taken off, an upper bound',
    );
}
