import assert from 'node:assert/strict';
import { pageText } from './fanout-work.mjs';
import { Load, Server } from './processes.mjs';
import { median, printRows, ratioText, spreadText, time, verdict } from './table.mjs';

const ROUNDS = 5;
const WARM_UP_ROUNDS = 2;

const WITH_GRAPHQL_WS = {
  title: 'graphql-ws and graphql-js, each executes',
  script: 'each-executes',
  kind: 'ws',
};

/** The benchmarks; events are how many each round makes, at their rate per second. */
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
    settings: { gatherMs: 10 },
    p99: 20,
  },
  'sse-1000': { subscribers: 1000, rate: 30, events: 30, toLimit: 1.2, sse: true },
};

/**
 * Faults read by many subscribers, each on a connection of its own: CPU of the server for each event delivered
 * to one of them.
 *
 * Every server makes its events inside its own process, at the same rate and by the same clock; what that costs
 * (here a command that is logged, and a request that is translated and blocked) is measured before anyone has
 * subscribed and taken off.
 */
export async function fanout(name) {
  const work = FANOUT[name];
  const started = [];
  const start = async (starting) => {
    const one = await starting;
    started.push(one);
    return one;
  };
  const peer = (script, argument) =>
    start(Server.start(new URL(`peers/${script}.mjs`, import.meta.url), [argument]));
  try {
    const load = await start(new Load(new URL('load/fanout-load.mjs', import.meta.url)));
    const real = await peer('iommu-graph', JSON.stringify(work.settings ?? {}));
    const kind = work.sse ? 'sse' : 'ws';

    // One event alone tells what a message looks like and how long it is.
    const { sample, payload } = await sampleOf(load, real, kind);
    const limit = await peer(
      work.sse ? 'ready-event' : 'ready-string',
      String(sample.length + (work.sse ? 2 : 0)),
    );
    const candidates = [
      { name: 'real', title: 'iommu-graph', server: real, kind },
      {
        name: 'limit',
        title: work.sse ? 'limit: one ready text' : 'limit: ws, one ready string',
        server: limit,
        kind: `ready-${kind}`,
      },
    ];
    if (work.settings === undefined) {
      // What one message costs, without several events sharing it on a busy machine.
      const single = await peer('iommu-graph', JSON.stringify({ gatherMs: 0 }));
      candidates.push({ name: 'single', title: 'iommu-graph, window 0', server: single, kind });
    }
    if (!work.sse) {
      const each = await peer(WITH_GRAPHQL_WS.script, JSON.stringify(payload.data));
      const theirs = await sampleOf(load, each, 'ws');
      assert.deepEqual(theirs.payload, payload);
      candidates.splice(1, 0, { name: 'each', server: each, ...WITH_GRAPHQL_WS });
    }
    await measure(load, candidates, work);
    print(name, work, sample.length, candidates);
  } finally {
    for (const one of started.reverse()) await one.stop();
  }
}

/** The event with the number 0, as a subscriber gets it. */
async function sampleOf(load, server, kind) {
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

async function measure(load, candidates, { subscribers, rate, events }) {
  let first = 1;
  for (const one of candidates) {
    const alone = [];
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
      const { microseconds } = await one.server.cpuDuring(() => one.server.make(first, events, rate));
      if (round >= 0) alone.push(microseconds);
      first += events;
    }
    one.making = median(alone);
    one.rounds = [];
    await load.run({ open: { name: one.name, kind: one.kind, url: one.server.url, subscribers } });
  }
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const one of candidates) {
      await load.run({ collect: { name: one.name, expect: { first, events } } });
      const { microseconds, result } = await one.server.cpuDuring(async () => {
        const { madeAt } = await one.server.make(first, events, rate);
        return load.run({ collect: { name: one.name, madeAt } });
      });
      first += events;
      const share = (cpu) => cpu / Math.max(1, result.delivered);
      if (round >= 0)
        one.rounds.push({ ...result, whole: share(microseconds), net: share(microseconds - one.making) });
    }
  }
}

function print(name, work, bytes, candidates) {
  const [real, limit, each, single] = ['real', 'limit', 'each', 'single'].map((wanted) =>
    candidates.find((one) => one.name === wanted),
  );
  const values = (one, key) => one.rounds.map((round) => round[key]);
  const of = (one, key) => median(values(one, key));
  const row = (one, target) => [
    one.title,
    time(of(one, 'net') * 1000),
    ratioText(of(one, 'net') / of(limit, 'net')),
    spreadText(values(one, 'net'), values(limit, 'net')),
    time(of(one, 'whole') * 1000),
    (of(one, 'delivered') / of(one, 'messages')).toFixed(1),
    (of(one, 'delivered') / work.subscribers / of(one, 'seconds')).toFixed(0),
    String(values(one, 'lost').reduce((sum, lost) => sum + lost, 0)),
    `${of(one, 'p50').toFixed(1)} ms`,
    `${of(one, 'p99').toFixed(1)} ms`,
    target,
  ];
  const toLimit = of(real, 'net') / of(limit, 'net');
  printRows(
    `${name}: ${work.subscribers} subscribers x ${work.rate} faults/s, ${bytes} bytes each, ${ROUNDS} rounds of ${work.events} faults`,
    [
      'server',
      'CPU/delivery',
      'to limit',
      'rounds',
      'with making',
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
    const toEach = of(real, 'net') / of(each, 'net');
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
  console.log('a delivery is one event at one subscriber; what making the faults costs is taken off');
}
