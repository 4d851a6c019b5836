import { setImmediate } from 'node:timers/promises';
import { type Graph, graphWith } from '../support/platform/graph.js';
import { pausesEverywhere } from '../support/platform/long-commands.js';
import { turnsDuring } from '../support/platform/turns.js';

const MANY = 40;

let graph: Graph;
let fault: string;
beforeAll(async () => {
  graph = await graphWith({ box: 'legacy-desktop' });
  for (let n = 0; n <= MANY; n++) await graph.send(['allocDomain', { platform: 'Platform:box' }]);
  const { dma } = await graph.ask<{ dma: { fault: { id: string } } }>(
    'mutation { dma(input: { endpoint: "Device:box/0000:00:1f.6", address: "0x7f0000" }) { ... on DmaPayload { fault { id } } } }',
  );
  fault = dma.fault.id;
});
beforeEach(async () => {
  // The clock of the test before went further; the turn it counted is over in the next.
  await setImmediate();
  pausesEverywhere();
});
afterEach(() => void jest.restoreAllMocks());

const many = (field: (n: number) => string) =>
  Array.from({ length: MANY }, (_, n) => `a${n}: ${field(n)}`).join(' ');

test.each([
  ['moments', () => `{ platform(name: "box") { ${many((n) => `at(revision: ${n}) { revision }`)} } }`],
  ['plans', () => `{ ${many(() => 'plan(platform: "Platform:box", commands: []) { events { id } }')} }`],
  [
    'blockers',
    () => `{ ${many(() => 'whyNot(command: { rescanBus: { platform: "Platform:box" } }) { code }')} }`,
  ],
  [
    'repairs',
    () =>
      `{ ${many(() => 'minimalRepair(command: { rescanBus: { platform: "Platform:box" } }) { verdict }')} }`,
  ],
  ['explanations', () => `{ ${many(() => `explainFault(event: "${fault}") { historySince }`)} }`],
])('many %s asked for at once are made a few in a turn of the event loop', async (_what, query) => {
  // At each look at the clock a turn is used up, and whoever makes a second self looks at it first.
  expect(await turnsDuring(graph.ask(query()))).toBeGreaterThanOrEqual(MANY);
});
