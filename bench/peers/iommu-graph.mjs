import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { serve } from '../../dist/server/serve.js';
import { makeFaultsWhenAsked } from './make-faults.mjs';

/** The server as the program puts it together, its log in memory, with faults made inside its process. */
const { url, host } = await serve({
  host: '127.0.0.1',
  port: 0,
  log: 'memory',
  dataDirectory: '',
  operationsDirectory: fileURLToPath(new URL('../../schema/operations', import.meta.url)),
  logger: pino({ enabled: false }),
  logLost: (reason) => {
    throw reason;
  },
  streams: JSON.parse(process.argv[2]),
});
makeFaultsWhenAsked(host);
console.log(`iommu-graph serves ${url}`);
