import { pageText } from '../fanout-work.mjs';
import { READERS } from './readers.mjs';
import { answerWith } from './reply.mjs';

/** What is not there this long after the last event was made counts as lost. */
const PATIENCE_MS = 30_000;
/** Connections opened at a time; more than a server's backlog would be refused. */
const AT_ONCE = 100;

/** The subscribers of one server, under the name of the server. */
const groups = new Map();

answerWith(({ open, collect, close }) => {
  if (open !== undefined) return openGroup(open);
  if (collect !== undefined) return collectFrom(groups.get(collect.name), collect);
  return closeGroup(close);
});

async function openGroup({ name, kind, url, subscribers }) {
  const group = {
    readers: [],
    messages: 0,
    bytes: 0,
    sample: null,
    wrong: null,
    first: 0,
    complete: 0,
    done: null,
  };
  groups.set(name, group);
  for (let from = 0; from < subscribers; from += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, subscribers - from) }, (_, index) =>
      openReader(group, kind, url, `subscriber-${from + index}`),
    );
    group.readers.push(...(await Promise.all(some)));
  }
  return {};
}

/** Checks that every subscriber gets every event, in order and once. */
async function openReader(group, kind, url, id) {
  const reader = { arrived: [], close: null };
  const take = (address) => {
    const due = pageText(group.first + reader.arrived.length);
    if (address !== null && address !== due) group.wrong ??= `${id} got ${address} where ${due} was due`;
    reader.arrived.push(performance.timeOrigin + performance.now());
    if (reader.arrived.length === group.expected && ++group.complete === group.readers.length) group.done();
  };
  reader.close = await READERS[kind](url, id, (text, payload) => {
    group.messages++;
    group.bytes += text.length;
    group.sample ??= String(text);
    if (payload === null) take(null);
    else if (payload.errors !== undefined) group.wrong ??= String(text);
    else for (const { address } of payload.data.faults.events) take(address);
  });
  return reader;
}

/** Waits until everything is there, and begins a new count from the event numbered `next`. */
async function collectFrom(group, { expect, madeAt }) {
  if (expect !== undefined) {
    Object.assign(group, {
      first: expect.first,
      expected: expect.events,
      complete: 0,
      messages: 0,
      bytes: 0,
    });
    for (const reader of group.readers) reader.arrived = [];
    group.everything = new Promise((resolve) => (group.done = resolve));
    return {};
  }
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
  await Promise.race([group.everything, late]);
  clearTimeout(timer);
  if (group.wrong !== null) throw new Error(group.wrong);
  const latencies = group.readers
    .flatMap(({ arrived }) => arrived.map((time, index) => time - madeAt[index]))
    .sort((a, b) => a - b);
  const last = group.readers.reduce((latest, { arrived }) => Math.max(latest, arrived.at(-1) ?? 0), 0);
  return {
    delivered: latencies.length,
    lost: group.readers.length * madeAt.length - latencies.length,
    messages: group.messages,
    sample: group.sample,
    seconds: (last - madeAt[0]) / 1000,
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
  };
}

async function closeGroup({ name }) {
  await Promise.all(groups.get(name).readers.map(({ close }) => close()));
  groups.delete(name);
  return {};
}
