import { digestOf } from '../../src/platform/digest.js';
import { type Graph, graphWith } from '../support/platform/graph.js';
import type { Written } from '../support/platform/random-commands.js';

interface Blocker {
  readonly code: string;
  readonly evidence: readonly string[];
  readonly mendedBy: string;
  readonly subject: { readonly id: string } | null;
  readonly repair: readonly { readonly name: string }[];
}
interface Repair {
  readonly verdict: string;
  readonly reason: string | null;
  readonly commands: readonly { readonly name: string; readonly input: string; readonly document: string }[];
}
interface Answer {
  readonly whyNot: readonly Blocker[];
  readonly minimalRepair: Repair;
}

const ASK = `query ($command: CommandInput!) {
  whyNot(command: $command) { code message evidence mendedBy remedy subject { id } repair { name input document } }
  minimalRepair(command: $command) { verdict reason commands { name input document } blockers { code } }
}`;

const ask = ({ ask: query }: Graph, [name, input]: Written) =>
  query<Answer>(ASK, { command: { [name]: input } });

/** A desktop whose NIC is to be given to a process. */
async function desktop() {
  const graph = await graphWith({ box: 'legacy-desktop' });
  const { kernel } = graph.host.platform('box')!;
  const device = [...kernel.devices.values()].find(({ driver }) => driver === 'e1000e')!;
  await graph.send(['openContainer', { platform: 'Platform:box' }]);
  const add: Written = [
    'addGroupToContainer',
    { container: 'VfioContainer:box/1', group: `Group:box/${device.group!.number}` },
  ];
  return { graph, device, add };
}

it('gives blockers with evidence, and a repair whose documents can be sent as they are', async () => {
  const { graph, device, add } = await desktop();
  const platform = graph.host.platform('box')!;
  const digest = digestOf(platform);
  const { whyNot, minimalRepair } = await ask(graph, add);
  expect(digestOf(platform)).toBe(digest);
  expect(whyNot[0]).toMatchObject({ code: 'NO_VFIO_DRIVER', mendedBy: 'COMMANDS' });
  expect(whyNot[0].evidence).toContain(`driver of ${device.name}: e1000e`);
  expect(whyNot[0].repair.map(({ name }) => name)).toEqual(['unbindDriver', 'bindDriver']);

  expect(minimalRepair).toMatchObject({ verdict: 'FOUND', reason: null });
  for (const { name, input, document } of minimalRepair.commands) {
    const planned = { platform: 'Platform:box', commands: [{ [name]: JSON.parse(input) }] };
    const { plan } = await graph.ask<{ plan: { outcomes: { error: unknown }[] } }>(
      'query ($platform: ID!, $commands: [CommandInput!]!) { plan(platform: $platform, commands: $commands) { outcomes { error { message } } } }',
      planned,
    );
    expect(plan.outcomes).toEqual([{ error: null }]);
    const answer = await graph.ask<Record<string, { __typename: string }>>(document);
    expect(answer[name].__typename).toMatch(/Payload$/);
  }
  expect(await graph.send(add)).toMatchObject({ __typename: 'ContainerPayload' });
  expect(await ask(graph, ['openContainer', { platform: 'Platform:box' }])).toEqual({
    whyNot: [],
    minimalRepair: { verdict: 'NOT_NEEDED', reason: null, commands: [], blockers: [] },
  });
});

it('leaves evidence out where nobody asked why not', async () => {
  const { graph, add } = await desktop();
  const refused = await graph.send(
    add,
    '... on KernelError { blockers { code evidence mendedBy repair { name } } }',
  );
  expect(refused).toMatchObject({
    blockers: [{ code: 'NO_VFIO_DRIVER', evidence: null, mendedBy: null, repair: null }],
  });
});

it('tells a platform that moved on, a name of nothing, and a malformed argument apart', async () => {
  const { graph, add } = await desktop();
  const [name, input] = add;
  const moved = await ask(graph, [name, { ...input, expectedRevision: 99 }]);
  expect(moved.whyNot).toMatchObject([{ code: 'CONFLICT' }]);
  const nothing = await ask(graph, ['unbindDriver', { device: 'Device:box/0000:7f:1f.7' }]);
  expect(nothing.whyNot).toMatchObject([{ code: 'NOT_FOUND', mendedBy: 'OTHER_ARGUMENTS' }]);
  expect(nothing.minimalRepair).toMatchObject({ verdict: 'NONE' });
  await expect(ask(graph, ['unbindDriver', { device: 'Group:box/1' }])).rejects.toThrow('takes Device');
  await expect(ask(graph, ['unbindDriver', { device: 'Device:none/0000:00:00.0' }])).rejects.toThrow(
    'There is no platform "none"',
  );
});
