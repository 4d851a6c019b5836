import { Load, Server } from './processes.mjs';
import { printRows, ratioText, verdict } from './table.mjs';

const SUBSCRIBERS = 5000;
const RATE = 6;
const EVENTS = 12;
/**
 * What a server holds goes up and down with its garbage collections, by as much as the half of it for one that executes for
 * every subscriber. What it holds on the average of many is steady; a median is now of the high ones, now of the low.
 */
const ROUNDS = 16;
const TARGET = 0.35;

/** Data of one message, for the peer that has no simulator to make it. */
const SAMPLE = {
  faults: {
    cursor: 'ZXZlbnRzL2RlbW8vbWU0d3VkMTAKNTkx',
    events: [
      {
        sequence: 591,
        sourceId: '0000:6a:01.0',
        pasid: null,
        address: '0x100000000',
        access: 'READ',
        reason: { hex: '0x71', mnemonic: 'SPT.2' },
      },
    ],
  },
};

/**
 * Memory of a whole server with 5000 subscribers, each on a connection of its own. The one to compare with has the
 * same schema and the same simulator and serves them with graphql-ws and graphql-js. The others tell what part of
 * it is what: graphql-ws on ready-made objects, and nothing but `ws` and its connections.
 */
export async function fanoutMemory() {
  const here = await held('each-executes-here', 'ws', '');
  const real = await held('iommu-graph', 'ws', '{}');
  const ready = await held('each-executes', 'ws', JSON.stringify(SAMPLE));
  const bare = await held('ready-string', 'ready-ws', '261');
  const ratio = real.resident / here.resident;
  const row = (name, { before, resident, least, most }, target) => [
    name,
    megabytes(before),
    megabytes(resident),
    `${megabytes(least)}-${megabytes(most)}`,
    `${((resident - before) / SUBSCRIBERS / 1024).toFixed(1)} KiB`,
    ratioText(resident / here.resident),
    ratioText(resident / ready.resident),
    target,
  ];
  printRows(
    `fanout-memory: ${SUBSCRIBERS} subscribers, resident memory in MiB, mean of ${ROUNDS} rounds of ${EVENTS} faults`,
    ['server', 'before', 'with them', 'rounds', 'each', 'to same schema', 'to ready-made', 'target'],
    [
      row('graphql-ws, same schema and simulator', here, ''),
      row('iommu-graph', real, `<= ${TARGET} ${verdict(ratio, TARGET)}`),
      row('graphql-ws, ready-made objects', ready, ''),
      row('ws, one ready string', bare, ''),
    ],
  );
}

async function held(script, kind, argument) {
  const server = await Server.startPeer(script, argument);
  const load = new Load(new URL('load/fanout-load.mjs', import.meta.url));
  try {
    const before = await server.residentBytes();
    await load.run({ open: { name: script, kind, url: server.url, subscribers: SUBSCRIBERS } });
    const rounds = [];
    for (let first = 0; first < ROUNDS * EVENTS; first += EVENTS) {
      await load.run({ collect: { name: script, expect: { first, events: EVENTS } } });
      const { madeAt } = await server.make(first, EVENTS, RATE);
      const { lost } = await load.run({ collect: { name: script, madeAt } });
      if (lost > 0) throw new Error(`${script} lost ${lost} messages`);
      rounds.push(await server.residentBytes());
    }
    return {
      before,
      resident: rounds.reduce((sum, bytes) => sum + bytes) / ROUNDS,
      least: Math.min(...rounds),
      most: Math.max(...rounds),
    };
  } finally {
    await load.stop();
    await server.stop();
  }
}

const megabytes = (bytes) => (bytes / 1024 / 1024).toFixed(0);
