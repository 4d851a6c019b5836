import { buildSchema, execute, subscribe } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { pageText } from '../fanout-work.mjs';
import { listen, makeEventsWhenAsked } from './paced.mjs';

/** graphql-ws with graphql-js as its documentation sets it up, on ready-made objects: no simulator behind it. */
const schema = buildSchema(`
  type Query { unused: Int }
  type Subscription { faults(platform: ID!): FaultBatch! }
  type FaultBatch { cursor: String! events: [Fault!]! }
  type Fault { sequence: Int! sourceId: String! pasid: Int address: String! access: Access! reason: Reason! }
  type Reason { hex: String! mnemonic: String! }
  enum Access { READ WRITE }
`);

/** The data of one message of the real server. */
const [sample] = [JSON.parse(process.argv[2]).faults];
const subscribers = new Set();

/** Values as they come, to one reader; done only when it goes away. */
function channel() {
  const ready = [];
  let wake = null;
  const push = (value) => {
    if (wake === null) ready.push(value);
    else wake({ done: false, value });
    wake = null;
  };
  subscribers.add(push);
  const iterator = {
    next: () =>
      ready.length > 0
        ? Promise.resolve({ done: false, value: ready.shift() })
        : new Promise((resolve) => (wake = resolve)),
    return: () => {
      subscribers.delete(push);
      wake?.({ done: true, value: undefined });
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

makeEventsWhenAsked((event) => {
  const [fault] = sample.events;
  const faults = { ...sample, events: [{ ...fault, address: pageText(event) }] };
  for (const push of subscribers) push({ faults });
});
const server = listen('each-executes');
useServer(
  { schema, execute, subscribe, roots: { subscription: { faults: channel } } },
  new WebSocketServer({ server, perMessageDeflate: false }),
);
