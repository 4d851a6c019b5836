import type { Api } from './api.js';

/** Nothing of this device's is mapped in the demo, so that every request it makes is a fault. */
const DEVICE = 'Device:demo/0000:6a:01.0';

/** Has the demo's device fault `count` times in one document. */
export async function makeFaults(api: Api, count: number, from = 0): Promise<void> {
  const fields = Array.from({ length: count }, (_, index) => {
    const address = `0x${(0x1_0000_0000 + (from + index) * 0x1000).toString(16)}`;
    return `f${index}: dma(input: { endpoint: "${DEVICE}", address: "${address}" }) { ... on DmaPayload { outcome } }`;
  });
  const answer = await api.ask<Record<string, { outcome: string }>>(`mutation { ${fields.join(' ')} }`);
  const outcomes = new Set(Object.values(answer).map(({ outcome }) => outcome));
  if (outcomes.size !== 1 || !outcomes.has('FAULTED')) throw new Error([...outcomes].join());
}

export interface Fault {
  readonly sequence: number;
  readonly address: string;
}

/** The faults that are kept, in order, after a cursor and up to a number. */
export async function faultsAfter(api: Api, after: string | null, upTo = Infinity): Promise<Fault[]> {
  const found: Fault[] = [];
  for (let cursor = after; ;) {
    const { platform } = await api.ask<{
      platform: { events: { nodes: Fault[]; pageInfo: { hasNextPage: boolean; endCursor: string } } };
    }>(
      `query ($after: Cursor) { platform(name: "demo") { events(first: 10000, after: $after, filter: { kinds: [FAULT] }) {
         nodes { sequence ... on FaultEvent { address } } pageInfo { hasNextPage endCursor } } } }`,
      { after: cursor },
    );
    const { nodes, pageInfo } = platform.events;
    found.push(...nodes.filter(({ sequence }) => sequence <= upTo));
    if (!pageInfo.hasNextPage || (nodes.at(-1)?.sequence ?? 0) >= upTo) return found;
    cursor = pageInfo.endCursor;
  }
}

/** The cursor of the newest event. */
export async function newestCursor(api: Api): Promise<string> {
  const { platform } = await api.ask<{ platform: { events: { pageInfo: { endCursor: string } } } }>(
    `{ platform(name: "demo") { events(last: 1) { pageInfo { endCursor } } } }`,
  );
  return platform.events.pageInfo.endCursor;
}
