import { type Api, startApi } from '../support/api.js';

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const PARENT = 'Device:demo/0000:6a:01.0';

test('of 100 createMdev at once for 8 work queues, 8 succeed, 92 are refused with ENOSPC, and nothing leaks', async () => {
  const before = await api.ask(`{ platform(name: "demo") { groups { totalCount } domains { totalCount } } }`);
  const results = await Promise.all(
    Array.from({ length: 100 }, () =>
      api.ask<{ result: { __typename: string; errno?: string; subdevice?: { id: string } } }>(
        `mutation { result: createMdev(input: { parent: "${PARENT}", type: "idxd-1dwq-v1" }) {
           __typename ... on KernelError { errno } ... on CreateMdevPayload { subdevice { id } } } }`,
      ),
    ),
  );
  const made = results.flatMap(({ result }) => (result.subdevice === undefined ? [] : [result.subdevice.id]));
  expect(new Set(made).size).toBe(8);
  expect(results.filter(({ result }) => result.errno === 'ENOSPC')).toHaveLength(92);
  const { node } = await api.ask<{ node: object }>(
    `{ node(id: "${PARENT}") { ... on Device { subdevices { totalCount } mdevTypes { availableInstances } } } }`,
  );
  expect(node).toEqual({ subdevices: { totalCount: 8 }, mdevTypes: [{ availableInstances: 0 }] });

  for (const id of made)
    await api.ask(`mutation { removeMdev(input: { subdevice: "${id}" }) { __typename } }`);
  expect(
    await api.ask(`{ platform(name: "demo") { groups { totalCount } domains { totalCount } } }`),
  ).toEqual(before);
  const after = await api.ask(
    `{ node(id: "${PARENT}") { ... on Device { mdevTypes { availableInstances } } } }`,
  );
  expect(after).toEqual({ node: { mdevTypes: [{ availableInstances: 8 }] } });
});
