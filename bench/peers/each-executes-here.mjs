import { execute, subscribe } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { buildSchema } from '../../dist/graphql/schema.js';
import { openMemoryLog } from '../../dist/log/memory-log.js';
import { ensureDemo } from '../../dist/platform/create.js';
import { PlatformHost } from '../../dist/platform/host.js';
import { makeFaultsWhenAsked } from './make-faults.mjs';
import { listen } from './paced.mjs';

/** Our schema and our simulator, served by graphql-ws with graphql-js as its documentation sets it up. */
const host = await PlatformHost.open(await openMemoryLog());
await ensureDemo(host);
makeFaultsWhenAsked(host);
const server = listen('each-executes-here');
useServer(
  { schema: buildSchema(), context: () => ({ host }), execute, subscribe },
  new WebSocketServer({ server, perMessageDeflate: false }),
);
