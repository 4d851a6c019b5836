import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildDmar } from '../../src/firmware/dmar/build.js';
import { type Api, startApi } from '../support/api.js';

const DATA = join(__dirname, '..', '..', '..', 'shared', 'data');

let api: Api;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

const IMPORT = `mutation ($input: ImportPlatformInput!) {
  importPlatform(input: $input) {
    __typename
    ... on Error { message }
    ... on InvalidInputError { path }
    ... on PlatformPayload {
      warnings { source line message }
      platform {
        id origin
        dmar { checksumValid structures { name scopes { path device { address } } } }
        iommuUnits { name includeAll devices { address } }
        devices { totalCount }
        groups { totalCount nodes { number members { name } because { kind explanation via { name } device { name } missingAcs } } }
        kernelLog(first: 10000) { nodes { text } }
      }
    }
  }
}`;

interface Because {
  readonly kind: string;
  readonly explanation: string;
  readonly device: { readonly name: string };
  readonly via: { readonly name: string } | null;
  readonly missingAcs: readonly string[];
}

interface Imported {
  readonly importPlatform: {
    readonly __typename: string;
    readonly message?: string;
    readonly path?: string[];
    readonly warnings: { source: string; line: number | null; message: string }[];
    readonly platform: {
      readonly id: string;
      readonly dmar: { structures: { name: string }[] } | null;
      readonly iommuUnits: { devices: object[] }[];
      readonly devices: { totalCount: number };
      readonly groups: {
        totalCount: number;
        nodes: { number: number; members: { name: string }[]; because: Because[] }[];
      };
    };
  };
}

let count = 0;
async function importMachine(parts: Record<string, string>): Promise<Imported['importPlatform']> {
  const { importPlatform } = await api.ask<Imported>(IMPORT, {
    input: { name: `import-${count++}`, ...parts },
  });
  return importPlatform;
}

/** Imports, expects a platform, and takes it away again. */
async function imported(parts: Record<string, string>): Promise<Imported['importPlatform']> {
  const result = await importMachine(parts);
  if (result.__typename !== 'PlatformPayload') throw new Error(JSON.stringify(result));
  await api.ask(`mutation ($id: ID!) { deletePlatform(id: $id) { __typename } }`, { id: result.platform.id });
  return result;
}

const describeEvidence = existsSync(DATA) ? describe : describe.skip;
if (!existsSync(DATA))
  console.warn(`SKIPPED: no captures of real machines at ${basename(DATA)}; imports are not tried on them`);

const files = (directory: string, pattern: RegExp) =>
  existsSync(join(DATA, directory))
    ? readdirSync(join(DATA, directory)).filter((name) => pattern.test(name))
    : [];

describeEvidence('importing real machines', () => {
  test.each(files('dmar', /\.bin$/))(
    'the DMAR table %s builds a machine with a unit for each DRHD',
    async (file) => {
      const dmar = readFileSync(join(DATA, 'dmar', file)).toString('base64');
      const { platform, warnings } = await imported({ dmar });
      const drhds = platform.dmar!.structures.filter(({ name }) => name === 'DRHD');
      // A unit whose register base is 0 is refused by the kernel, and then there is no unit at all.
      expect(platform.iommuUnits).toHaveLength(file.includes('zerobase') ? 0 : drhds.length);
      // Without a listing of units every capability is a stated default.
      expect(warnings.length).toBeGreaterThan(0);
      for (const { message } of warnings) expect(message).toMatch(/\w/);
    },
  );

  test.each(files('dmar', /\.(acpidump\.txt|dsl)$/))(
    'the text %s gives the same structures as the raw table',
    async (file) => {
      const text = readFileSync(join(DATA, 'dmar', file), 'latin1');
      const raw = readFileSync(join(DATA, 'dmar', file.replace(/\.(acpidump\.txt|dsl)$/, '.bin'))).toString(
        'base64',
      );
      const [fromText, fromRaw] = [await imported({ dmar: text }), await imported({ dmar: raw })];
      expect(fromText.platform.dmar!.structures).toEqual(fromRaw.platform.dmar!.structures);
    },
  );

  test.each(files('topology', /\.lspci\.txt$/))(
    'the listing %s imports, each function in a group',
    async (file) => {
      const { platform } = await imported({ pci: readFileSync(join(DATA, 'topology', file), 'utf8') });
      expect(platform.devices.totalCount).toBeGreaterThan(0);
    },
  );

  const captures = files('qemu-linux/topology', /^[a-z0-9-]+$/).filter((name) =>
    existsSync(join(DATA, 'qemu-linux/topology', name, 'lspci-xxxx.txt')),
  );
  test.each(captures)('the capture %s gives the groups its own kernel reported', async (name) => {
    const at = join(DATA, 'qemu-linux/topology', name);
    const part = (file: string) =>
      existsSync(join(at, file)) ? readFileSync(join(at, file), 'utf8') : undefined;
    const dmar = existsSync(join(at, 'DMAR.bin'))
      ? readFileSync(join(at, 'DMAR.bin')).toString('base64')
      : undefined;
    const parts = {
      dmar,
      pci: part('lspci-xxxx.txt'),
      iommuUnits: part('iommu_units.txt'),
      kernelLog: part('dmesg.txt'),
    };
    const { platform } = await imported(
      Object.fromEntries(
        Object.entries(parts).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    );
    const reported = [
      ...(part('iommu_groups.txt') ?? '').matchAll(/^group (\d+)[\s\S]*?(?=^group|(?![\s\S]))/gm),
    ];
    if (dmar === undefined || name === 'kernel-off') {
      expect(platform.groups.totalCount).toBe(0);
      return;
    }
    const ours = platform.groups.nodes
      .map(({ members }) =>
        members
          .map((member) => member.name)
          .sort()
          .join(' '),
      )
      .sort();
    const theirs = reported.map(([text]) =>
      [...text.matchAll(/\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/g)].map(([a]) => a),
    );
    expect(ours).toEqual(
      theirs
        .map((members) => [...new Set(members)].sort().join(' '))
        .filter(Boolean)
        .sort(),
    );
  });
});

const ISOLATING = ['SrcValid', 'ReqRedir', 'CmpltRedir', 'UpstreamFwd'];

/** Services that have to be on and are off, by the words of lspci. Linux: pci_acs_flags_enabled(). */
function missingIn(text: string): string[] {
  const shown = (register: string) => new RegExp(`^\\s+${register}:(.*)$`, 'm').exec(text)?.[1];
  const [capability, control] = [shown('ACSCap'), shown('ACSCtl')];
  if (capability === undefined || control === undefined) return ISOLATING;
  return ISOLATING.filter((name) => capability.includes(`${name}+`) && control.includes(`${name}-`));
}

describeEvidence('reasons of groups on real machines', () => {
  // One unit for all: which unit serves a device does not change its group.
  const drhd = { kind: 'DRHD' as const, includeAll: true, segment: 0, size: 0, scopes: [] };
  const structures = [{ ...drhd, registerBase: { hi: 0, lo: 0xfed90000 } }];
  const dmar = Buffer.from(buildDmar({ hostAddressWidth: 46, structures })).toString('base64');
  const texts = files('topology', /\.lspci\.txt$/)
    .map((file) => ({ file, pci: readFileSync(join(DATA, 'topology', file), 'utf8') }))
    .filter(({ pci }) => /^\s+ACSCtl:/m.test(pci));
  let [bridges, functions] = [0, 0];
  afterAll(() => {
    console.info(`${bridges} bridges and ${functions} functions named with the ACS bits lspci shows missing`);
    expect(Math.min(bridges, functions)).toBeGreaterThan(10);
  });

  test.each(texts)('$file: each names the bridge and the bits its text shows missing', async ({ pci }) => {
    const { platform } = await imported({ dmar, pci });
    const records = new Map(
      pci.split(/\n(?=(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] )/).map((record) => {
        const name = record.trimStart().split(/\s/)[0];
        return [name.split(':').length === 2 ? `0000:${name}` : name, record] as const;
      }),
    );
    const shared = platform.groups.nodes.filter(({ members }) => members.length > 1);
    for (const { because } of shared) {
      expect(because.length).toBeGreaterThan(0);
      for (const { kind, device, via, missingAcs, explanation } of because) {
        if (kind !== 'PATH_WITHOUT_ACS' && kind !== 'MULTIFUNCTION_WITHOUT_ACS') continue;
        const named = kind === 'PATH_WITHOUT_ACS' ? via!.name : device.name;
        expect([explanation, missingAcs]).toEqual([explanation, missingIn(records.get(named)!)]);
        expect(explanation).toContain(via?.name ?? named);
        if (kind === 'PATH_WITHOUT_ACS') bridges++;
        else functions++;
      }
    }
  });
});

describe('importing what is not a machine', () => {
  test.each([
    ['dmar', '!!!', 'dmar'],
    ['dmar', Buffer.from('DMAR').toString('base64'), 'dmar'],
    ['pci', 'this is no listing of functions', 'pci'],
  ])('%s of %p is refused by name', async (part, text, path) => {
    const result = await importMachine({ [part]: text });
    expect(result).toMatchObject({ __typename: 'InvalidInputError', path: ['input', path] });
  });

  test('nothing at all is refused', async () => {
    const result = await importMachine({});
    expect(result.__typename).toBe('InvalidInputError');
  });
});
