import { createSchema } from 'graphql-yoga';
import { pino } from 'pino';
import { createEndpoint } from '../../src/server/endpoint.js';

const schema = createSchema({ typeDefs: 'type Query { a: Int }' });
const endpoint = createEndpoint(
  schema,
  () => ({}),
  (error) => error as never,
  pino({ enabled: false }),
  () => Promise.reject(new Error('no stream is opened here')),
);
const parse = (text: string) => (endpoint.getEnveloped().parse as (text: string) => object)(text);

it('keeps parsed what clients send again and again, and not what would fill its memory', () => {
  const short = '{ a }';
  expect(parse(short)).toBe(parse(short));
  const long = `{ ${Array.from({ length: 2000 }, (_, n) => `a${n}: a`).join(' ')} }`;
  expect(parse(long)).not.toBe(parse(long));
});
