import assert from 'node:assert/strict';
import { pageText } from './fanout-work.mjs';
import { Load, Server } from './processes.mjs';
import { median, printRows, ratioText, spreadText, time, verdict } from './table.mjs';

const ROUNDS = 5;
const WARM_UP_ROUNDS = 2;
const EVENTS = 300;
/** Faults one mutation document makes: a quiet stream, and bursts. */
const BATCHES = [1, 10];
const RATE = 200;

/**
 * Faults made by mutations, read by many subscribers over sockets of their own: CPU of the server for each
 * event delivered to one of them. What making the events costs is measured without subscribers and taken off.
 */
export async function fanout(subscribers) {
  const started = [];
  const start = async (starting) => {
    const one = await starting;
    started.push(one);
    return one;
  };
  try {
    const real = await start(Server.startReal());
    const load = await start(new Load(new URL('load/fanout-load.mjs', import.meta.url)));
    let first = 0;
    const run = (kind, server, readers, batch = 1, events = EVENTS) => {
      const work = { url: server.url, kind, subscribers: readers, first, events, batch, rate: RATE };
      first += events;
      return load.run(work);
    };

    // One event alone tells what a message looks like and how long it is.
    const { sample, bytes } = await run('real', real, 1, 1, 1);
    const { data } = JSON.parse(sample).payload;
    const peer = (name, argument) => Server.start(new URL(`peers/${name}.mjs`, import.meta.url), [argument]);
    const limit = await start(peer('ready-string', String(bytes)));
    const each = await start(peer('each-executes', JSON.stringify(data)));
    const page = pageText(first);
    const { sample: theirs } = await run('each', each, 1, 1, 1);
    data.faults.events[0].address = page;
    assert.deepEqual(JSON.parse(theirs).payload, { data });

    const candidates = [
      ['real', real],
      ['each', each],
      ['ready', limit],
    ];
    for (const batch of BATCHES) {
      const rounds = { real: [], each: [], ready: [] };
      for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
        for (const [kind, server] of candidates) {
          const costs = await costsOf(server, (readers) => run(kind, server, readers, batch), subscribers);
          if (round >= 0) rounds[kind].push(costs);
        }
      }
      print({ subscribers, bytes, batch }, rounds);
    }
  } finally {
    for (const one of started.reverse()) await one.stop();
  }
}

async function costsOf(server, run, subscribers) {
  const making = await server.cpuDuring(() => run(0));
  const { microseconds, result } = await server.cpuDuring(() => run(subscribers));
  const share = (cpu) => cpu / Math.max(1, result.delivered);
  return { ...result, whole: share(microseconds), net: share(microseconds - making.microseconds) };
}

function print({ subscribers, bytes, batch }, rounds) {
  const net = (kind) => rounds[kind].map((round) => round.net);
  const of = (kind, value) => median(rounds[kind].map(value));
  const row = (name, kind, target) => [
    name,
    time(median(net(kind)) * 1000),
    ratioText(median(net(kind)) / median(net('ready'))),
    spreadText(net(kind), net('ready')),
    time(of(kind, (round) => round.whole) * 1000),
    of(kind, (round) => round.delivered / round.messages).toFixed(1),
    of(kind, (round) => round.delivered / subscribers / round.seconds).toFixed(0),
    String(rounds[kind].reduce((sum, round) => sum + round.lost, 0)),
    `${of(kind, (round) => round.p50).toFixed(1)} ms`,
    `${of(kind, (round) => round.p99).toFixed(1)} ms`,
    target,
  ];
  const toLimit = median(net('real')) / median(net('ready'));
  const toEach = median(net('real')) / median(net('each'));
  printRows(
    `fanout-${subscribers}: ${subscribers} subscribers x ${RATE} faults/s, ${batch} a mutation, ${bytes} bytes each, ${ROUNDS} rounds of ${EVENTS} faults`,
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
      row('limit: ws, one ready string', 'ready', ''),
      row('iommu-graph', 'real', `<= 1.2 ${verdict(toLimit, 1.2)}`),
      row('graphql-ws and graphql-js, each executes', 'each', ''),
    ],
  );
  console.log(
    `iommu-graph to each executing: ${ratioText(toEach)}, target <= 0.35 ${verdict(toEach, 0.35)}; ` +
      'a delivery is one event at one subscriber, and what making the faults costs without subscribers is taken off',
  );
}
