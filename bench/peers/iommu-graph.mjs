import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { serve } from '../../dist/server/serve.js';
import { DEVICE_NAME, pageOf } from '../fanout-work.mjs';
import { makeEventsWhenAsked } from './paced.mjs';

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
const endpoint = { kind: 'Device', name: DEVICE_NAME };
makeEventsWhenAsked((event) => {
  const page = pageOf(event);
  return host.perform('demo', {
    type: 'dma',
    endpoint,
    pasid: 'OWN',
    address: { hi: Math.floor(page / 2 ** 32), lo: page >>> 0 },
    size: 8,
    access: 'READ',
    data: null,
    translation: 'UNTRANSLATED',
  });
});
console.log(`iommu-graph serves ${url}`);
