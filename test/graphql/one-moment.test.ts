import { graphWith } from '../support/platform/graph.js';

/** A desktop whose NIC has its host driver, and a container that the NIC's group would go into. */
async function desktop() {
  const graph = await graphWith({ box: 'legacy-desktop' });
  const { kernel } = graph.host.platform('box')!;
  const nic = [...kernel.devices.values()].find(({ driver }) => driver === 'e1000e')!;
  await graph.send(['openContainer', { platform: 'Platform:box' }]);
  const input = { container: 'VfioContainer:box/1', group: `Group:box/${nic.group!.number}` };
  return { graph, id: `Device:box/${nic.name}`, command: { addGroupToContainer: input } };
}

interface Group {
  readonly members: readonly { readonly id: string; readonly driver: string | null }[];
  readonly platform: { readonly revision: number };
}
interface Why {
  readonly blockers: readonly {
    readonly evidence: readonly string[];
    readonly subject: Group;
  }[];
}

it('what stands in the way of a command is told as of one revision, whatever is done meanwhile', async () => {
  const { graph, id, command } = await desktop();
  const blockers = 'evidence subject { ... on Group { members { id driver } platform { revision } } }';
  const answer = graph.ask<{ platform: { revision: number }; blockers: Why['blockers']; repair: Why }>(
    `query ($command: CommandInput!) { platform(name: "box") { revision }
       blockers: whyNot(command: $command) { ${blockers} }
       repair: minimalRepair(command: $command) { blockers { ${blockers} } } }`,
    { command },
  );
  expect(await graph.send(['unbindDriver', { device: id }])).toMatchObject({ revision: 2 });
  const { platform, blockers: why, repair } = await answer;
  expect(platform.revision).toBe(1);
  expect(repair.blockers).toEqual(why);
  expect(why[0].evidence).toContain(`driver of ${id.split('/')[1]}: e1000e`);
  expect(why[0].subject.members).toContainEqual({ id, driver: 'e1000e' });
  expect(why[0].subject.platform).toEqual({ revision: 1 });
});

it('what a mutation gives is as its own command left it, whatever was logged together with it', async () => {
  const { graph } = await desktop();
  await graph.send(['allocDomain', { platform: 'Platform:box' }]);
  const domain = `Domain:box/${[...graph.host.platform('box')!.kernel.domains.keys()].at(-1)}`;
  const together = Array.from({ length: 20 }, (_, page) =>
    graph.send(
      ['map', { domain, iova: `${(page + 16) * 4096}`, physical: '0x1000', size: '4K' }],
      '... on MapPayload { revision domain { mappedBytes } }',
    ),
  );
  expect(await Promise.all(together)).toEqual(
    Array.from({ length: 20 }, (_, page) => ({
      __typename: 'MapPayload',
      revision: page + 3,
      domain: { mappedBytes: `${(page + 1) * 4096}` },
    })),
  );
});
