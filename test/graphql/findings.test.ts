import { type Api, startApi } from '../support/api.js';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

interface Found {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
  readonly subject: { readonly __typename: string; readonly id: string } | null;
}

const FINDINGS = `{ platform(name: "demo") { findings { code severity message subject { __typename id } remedy } } }`;

it('gives findings whose subjects can be fetched by their ids', async () => {
  const { platform } = await api.ask<{ platform: { findings: Found[] } }>(FINDINGS);
  expect(platform.findings.length).toBeGreaterThan(0);
  for (const { subject } of platform.findings.slice(0, 20)) {
    if (subject === null) continue;
    const { node } = await api.ask<{ node: { id: string } }>(`query ($id: ID!) { node(id: $id) { id } }`, {
      id: subject.id,
    });
    expect(node.id).toBe(subject.id);
  }
});

it('gives the debugfs files of every unit', async () => {
  const { platform } = await api.ask<{ platform: { iommuUnits: { name: string; a: string; b: string }[] } }>(
    `{ platform(name: "demo") { iommuUnits { name a: debugfs(file: "iommu_regset") b: debugfs(file: "dmar_translation_struct") } } }`,
  );
  for (const { name, a, b } of platform.iommuUnits) {
    expect(a.split('\n')[0]).toMatch(new RegExp(`^IOMMU: ${name} Register Base Address: [0-9a-f]+$`));
    expect(b.split('\n')[0]).toMatch(new RegExp(`^IOMMU ${name}: Root Table Address: 0x[0-9a-f]+$`));
  }
});

it('says which debugfs files there are when asked for another', async () => {
  const { body } = await api.raw(
    `{ platform(name: "demo") { iommuUnit(name: "dmar0") { debugfs(file: "passwd") } } }`,
  );
  expect(body.errors).toMatchObject([
    {
      message:
        'There is no debugfs file "passwd"; there are iommu_regset, dmar_translation_struct, domain_translation_struct, invalidation_queue, ir_translation_struct.',
      extensions: { code: 'BAD_USER_INPUT' },
    },
  ]);
});
