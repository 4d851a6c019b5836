import { Load, Server } from './processes.mjs';
import { printRows, ratioText, verdict } from './table.mjs';

const SUBSCRIBERS = 5000;
const RATE = 6;
const EVENTS = 12;
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

/** Memory of the whole server, simulator and all, with 5000 subscribers who have each read a dozen events. */
export async function fanoutMemory() {
  const real = await held('iommu-graph', '{}');
  const each = await held('each-executes', JSON.stringify(SAMPLE));
  const ratio = real.resident / each.resident;
  const row = (name, { before, resident }, target) => [
    name,
    megabytes(before),
    megabytes(resident),
    `${((resident - before) / SUBSCRIBERS / 1024).toFixed(1)} KiB`,
    ratioText(resident / each.resident),
    target,
  ];
  printRows(
    `fanout-memory: ${SUBSCRIBERS} subscribers, resident memory`,
    ['server', 'before', 'with subscribers', 'each', 'to each executing', 'target'],
    [
      row('graphql-ws and graphql-js, each executes', each, ''),
      row('iommu-graph', real, `<= ${TARGET} ${verdict(ratio, TARGET)}`),
    ],
  );
}

async function held(script, argument) {
  const server = await Server.start(new URL(`peers/${script}.mjs`, import.meta.url), [argument]);
  const load = new Load(new URL('load/fanout-load.mjs', import.meta.url));
  try {
    const before = await server.residentBytes();
    await load.run({ open: { name: script, kind: 'ws', url: server.url, subscribers: SUBSCRIBERS } });
    await load.run({ collect: { name: script, expect: { first: 0, events: EVENTS } } });
    const { madeAt } = await server.make(0, EVENTS, RATE);
    const { lost } = await load.run({ collect: { name: script, madeAt } });
    if (lost > 0) throw new Error(`${script} lost ${lost} messages`);
    return { before, resident: await server.residentBytes() };
  } finally {
    await load.stop();
    await server.stop();
  }
}

const megabytes = (bytes) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
