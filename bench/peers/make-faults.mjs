import { DEVICE_NAME, pageOf } from '../fanout-work.mjs';
import { makeEventsWhenAsked } from './paced.mjs';

/** Has the demo's device touch a page that nobody mapped, each time an event is asked for. */
export function makeFaultsWhenAsked(host) {
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
}
