import { existsSync, readdirSync } from 'node:fs';
import { capture } from '../support/capture/script.js';
import { type Api, startApi } from '../support/api.js';

const PCI = '/sys/bus/pci/devices';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const IMPORT = /* GraphQL */ `
  mutation Import($input: ImportPlatformInput!) {
    importPlatform(input: $input) {
      __typename
      ... on PlatformPayload {
        platform {
          origin
          kernel {
            commandLine
            options {
              name
              value
            }
          }
          devices {
            totalCount
          }
        }
        warnings {
          source
          line
          message
        }
      }
      ... on InvalidInputError {
        path
        message
      }
    }
  }
`;

interface Imported {
  readonly importPlatform: {
    readonly __typename: string;
    readonly platform: {
      readonly origin: string;
      readonly kernel: { readonly commandLine: string; readonly options: { name: string; value: string }[] };
      readonly devices: { readonly totalCount: number };
    };
    readonly warnings: { readonly source: string; readonly line: number | null; readonly message: string }[];
  };
}

const BUNDLE = [
  '#iommu-graph bundle 1',
  '#iommu-graph section command-line',
  'quiet',
  '#iommu-graph section kernel-options',
  'CONFIG_INTEL_IOMMU=y',
  '# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set',
  '#iommu-graph section dmar',
  '#iommu-graph note the DMAR table can be read by root only',
  '#iommu-graph section pci',
  '0000:00:00.0 0600: 8086:0d57',
  '#iommu-graph end',
  '',
].join('\n');

const importOf = async (input: object) => (await api.ask<Imported>(IMPORT, { input })).importPlatform;

it('a bundle becomes a platform with the command line and the options of its kernel', async () => {
  const { __typename, platform, warnings } = await importOf({ name: 'bundled', bundle: BUNDLE });
  expect([__typename, platform.origin, platform.devices.totalCount]).toEqual([
    'PlatformPayload',
    'IMPORTED',
    1,
  ]);
  expect(platform.kernel.commandLine).toBe('quiet');
  expect(platform.kernel.options).toContainEqual({ name: 'CONFIG_INTEL_IOMMU_DEFAULT_ON', value: 'n' });
  expect(warnings).toContainEqual({
    source: 'bundle',
    line: 8,
    message: 'dmar: the DMAR table can be read by root only',
  });
  // The bundle's kernel says whether the IOMMU is on; nothing is assumed.
  expect(warnings.filter(({ message }) => message.includes('is assumed'))).toEqual([]);
});

it('an option the user sets outranks that of the bundle', async () => {
  const kernel = { options: [{ name: 'INTEL_IOMMU_DEFAULT_ON', value: 'y' }] };
  const { platform } = await importOf({ name: 'overridden', bundle: BUNDLE, kernel });
  expect(platform.kernel.options).toContainEqual({ name: 'CONFIG_INTEL_IOMMU_DEFAULT_ON', value: 'y' });
});

it.each([
  [
    'together with parts',
    { bundle: BUNDLE, pci: '00:00.0 x', kernelLog: 'x' },
    /leave out kernelLog, pci or the bundle/,
  ],
  ['that is none', { bundle: 'hello' }, /^line 1: not a bundle/],
  [
    'with a section twice',
    { bundle: BUNDLE.replace('section dmar', 'section pci') },
    /^line 9: section pci .* line 7/,
  ],
  [
    'with a part that cannot be read',
    { bundle: BUNDLE.replace('0000:00:00.0', 'x') },
    /^the part pci, which starts in line 10: /,
  ],
])('a bundle %s is refused', async (_what, parts, message) => {
  const refused = await importOf({ name: 'refused', ...parts });
  expect(refused).toEqual({
    __typename: 'InvalidInputError',
    path: ['input', 'bundle'],
    message: expect.stringMatching(message) as string,
  });
});

it('what the script writes on the machine at hand imports', async () => {
  const { __typename, platform } = await importOf({ name: 'here', bundle: capture(null).bundle });
  expect(__typename).toBe('PlatformPayload');
  const shown = existsSync(PCI) ? readdirSync(PCI).length : 0;
  expect(platform.devices.totalCount).toBe(shown);
});
