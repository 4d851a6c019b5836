import { createServer } from 'node:http';
import { createYoga } from 'graphql-yoga';
import { buildSchema } from '../../dist/graphql/schema.js';
import { openMemoryLog } from '../../dist/log/memory-log.js';
import { PlatformHost } from '../../dist/platform/host.js';

/** The same schema and platforms behind yoga as it comes. */
const host = await PlatformHost.open(await openMemoryLog());
const server = createServer(createYoga({ schema: buildSchema(), context: () => ({ host }) }));
server.listen(0, '127.0.0.1', () =>
  console.log(`default-yoga serves http://127.0.0.1:${server.address().port}/graphql`),
);
