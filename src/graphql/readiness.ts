import { type ReadinessItem as It, readinessOf } from '../platform/readiness/index.js';
import { badRequest } from './bad-request.js';
import { builder } from './builder.js';
import { ReadinessFeatureEnum, ReadinessStateEnum } from './enums.js';
import { lookUp } from './node-lookup.js';
import { DeviceView } from './views.js';

const ReadinessItem = builder.objectRef<It>('ReadinessItem').implement({
  description: 'One condition of a use of a device, and whether it holds.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'A stable upper-case word, for programs.' }),
    state: t.expose('state', { type: ReadinessStateEnum, description: 'Whether it holds.' }),
    condition: t.exposeString('condition', {
      description: 'The condition, as a sentence that is true when the state is OK.',
    }),
    evidence: t.stringList({
      description: 'Register bits, capability offsets, options and table structures behind it, one a line.',
      resolve: ({ evidence }) => [...evidence],
    }),
    remedy: t.exposeString('remedy', {
      nullable: true,
      description: 'What would bring it about; null when it holds, or when nothing would.',
    }),
  }),
});

builder.queryField('readiness', (t) =>
  t.field({
    type: [ReadinessItem],
    description:
      'Whether a device can be used for something, as a checklist: every condition in the order one would look at them, each with its evidence. All of them OK: nothing known stands in the way.',
    args: {
      device: t.arg.id({ required: true, description: 'Id of the device.' }),
      feature: t.arg({
        type: ReadinessFeatureEnum,
        required: true,
        description: 'What it is to be used for.',
      }),
    },
    resolve: (_root, { device, feature }, { host }) =>
      lookUp(host, device, (found) => {
        if (!(found instanceof DeviceView))
          throw badRequest(`There is no device with the id "${device.slice(0, 80)}".`);
        return readinessOf({ platform: found.platform, device: found.it }, feature);
      }),
  }),
);
