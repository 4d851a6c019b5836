import { graphWith } from '../support/platform/graph.js';

const ASK = `query ($device: ID!, $feature: ReadinessFeature!) {
  readiness(device: $device, feature: $feature) { code state condition evidence remedy }
}`;

it('gives the checklist of a device by its id, and refuses what is no device', async () => {
  const { ask, host } = await graphWith({ box: 'legacy-desktop' });
  const device = [...host.platform('box')!.kernel.devices.values()].find(
    ({ driver }) => driver === 'e1000e',
  )!;
  const feature = 'PASSTHROUGH';
  const { readiness } = await ask<{ readiness: { code: string; state: string; evidence: string[] }[] }>(ASK, {
    device: `Device:box/${device.name}`,
    feature,
  });
  expect(readiness.find(({ code }) => code === 'VFIO_DRIVER')).toMatchObject({
    state: 'MISSING',
    evidence: [`driver of ${device.name}: e1000e`],
  });
  await expect(ask(ASK, { device: 'Group:box/1', feature })).rejects.toThrow(
    'There is no device with the id',
  );
});
