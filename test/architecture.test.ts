import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';

const source = join(__dirname, '..', 'src');

/** What each room may import, besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  bits: [],
  log: ['bits'],
  layout: ['bits'],
  memory: ['bits'],
  firmware: ['bits', 'layout', 'memory'],
  hardware: ['bits', 'layout', 'memory'],
  kernel: ['bits', 'layout', 'memory', 'hardware'],
  cli: ['bits', 'layout', 'memory', 'hardware', 'log', 'platform'],
  platform: ['bits', 'layout', 'memory', 'hardware', 'kernel', 'firmware', 'log'],
  graphql: ['bits', 'layout', 'memory', 'hardware', 'kernel', 'firmware', 'platform'],
  server: ['platform', 'graphql', 'log'],
  'main.ts': ['server', 'cli'],
};

/** Rooms whose code runs to its end without waiting, and gives the same every time. */
const DETERMINISTIC = ['bits', 'layout', 'memory', 'firmware', 'hardware', 'kernel'];

interface File {
  /** Relative to src, with forward slashes. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
  /** Code without comments and strings. */
  readonly code: string;
  /** Files of src this one imports; `types` when only types are. */
  readonly imports: readonly { readonly path: string; readonly types: boolean }[];
  readonly packages: readonly string[];
}

const IMPORT = /^(?:import|export)\s+(type\s)?(?:[\w$*{},\s]*?\sfrom\s+)?'([^']+)';|\bimport\('([^']+)'\)/gm;

function read(path: string): File {
  const text = readFileSync(join(source, path), 'utf8');
  const imports: { path: string; types: boolean }[] = [];
  const packages: string[] = [];
  for (const [, types, direct, dynamic] of text.matchAll(IMPORT)) {
    const name = direct ?? dynamic ?? '';
    if (name.startsWith('.')) {
      imports.push({
        path: normalize(join(dirname(path), name))
          .split(sep)
          .join('/')
          .replace(/\.js$/, '.ts'),
        types: types !== undefined,
      });
    } else packages.push(name);
  }
  const code = text
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    .replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''");
  return { path, room: path.split('/')[0] ?? '', text, code, imports, packages };
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => read(relative('.', path).split(sep).join('/')));
const byPath = new Map(files.map((file) => [file.path, file]));

/** Names the places where a rule is broken. */
function offences(rule: (file: File) => readonly string[], rooms?: readonly string[]): string[] {
  return files
    .filter(({ room }) => rooms === undefined || rooms.includes(room))
    .flatMap((file) => rule(file).map((offence) => `${file.path}: ${offence}`));
}

function matches(pattern: RegExp): (file: File) => string[] {
  return ({ code }) => [...code.matchAll(pattern)].map(([found]) => found);
}

describe('the architecture', () => {
  it('has the rooms that are known, and sees their imports', () => {
    expect([...new Set(files.map(({ room }) => room))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
    expect(byPath.get('main.ts')?.imports.map(({ path }) => path)).toContain('server/command-line.ts');
    expect(
      offences(({ imports }) => imports.map(({ path }) => path).filter((path) => !byPath.has(path))),
    ).toEqual([]);
  });

  it('imports down only', () => {
    expect(
      offences(({ room, imports }) =>
        imports
          .map(({ path }) => path)
          .filter((path) => {
            const target = path.split('/')[0] ?? '';
            return target !== room && !MAY_IMPORT[room]?.includes(target);
          }),
      ),
    ).toEqual([]);
  });

  it('lets the kernel see of the hardware no cache, no walker and no fault recording', () => {
    expect(
      offences(
        ({ imports }) =>
          imports
            .map(({ path }) => path)
            .filter((path) => /^hardware\/(caches|translate|invalidate|faults)\b/.test(path)),
        ['kernel'],
      ),
    ).toEqual([]);
  });

  it('has no cycle', () => {
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      state.set(path, 'open');
      // What is imported for its types only is gone when the program runs.
      for (const next of byPath.get(path)?.imports ?? []) if (!next.types) visit(next.path, [...trail, path]);
      state.set(path, 'done');
    };
    for (const { path } of files) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('uses no package below the platform, and GraphQL only above it', () => {
    expect(offences(({ packages }) => packages, DETERMINISTIC)).toEqual([]);
    expect(
      offences(
        ({ packages }) => packages.filter((name) => /graphql|yoga|pothos/.test(name)),
        ['log', 'platform', 'cli'],
      ),
    ).toEqual([]);
  });

  it('waits for nothing, reads no clock and draws no lots below the platform', () => {
    expect(
      offences(
        matches(
          /\basync\b|\bawait\b|\bPromise\b|\bsetTimeout\b|\bsetImmediate\b|\bDate\b|\bperformance\b|\bMath\.random\b|\brandomUUID\b|\bprocess\.\w/g,
        ),
        DETERMINISTIC,
      ),
    ).toEqual([]);
  });

  it('reads a clock and draws lots above the log only, in the places known', () => {
    const found = offences(
      matches(
        /\bDate\b|\bperformance\b|\bhrtime\b|\bMath\.random\b|\brandom(?:UUID|Bytes|Int|FillSync)\b|\bgetRandomValues\b|\bprocess\.env\b/g,
      ),
      ['platform', 'log', 'graphql'],
    );
    expect([...new Set(found)].sort()).toEqual([
      // An identifier the client did not give becomes a part of the command.
      'graphql/commands/device.ts: randomUUID',
      'graphql/commands/software-device.ts: randomUUID',
      // Text from a time, and a time from text.
      'graphql/scalars.ts: Date',
      // The time a command is accepted becomes a part of it.
      'platform/host.ts: Date',
      // When others get their turn changes nothing that is done.
      'platform/time-slice.ts: performance',
    ]);
  });

  it('has no BigInt below graphql; the command line is an edge of its own', () => {
    expect(
      offences(matches(/\bbigint\b|\bBigInt\w*\b|\b(?:0x[\da-f]+|\d+)n\b/gi), [
        ...DETERMINISTIC,
        'platform',
        'log',
      ]),
    ).toEqual([]);
  });

  it('has no enum, no any, no default export, import.meta only where a file is named', () => {
    expect(
      offences(matches(/^\s*(?:export )?(?:const )?enum \w+|: any\b|\bas any\b|<any>|\bexport default\b/gm)),
    ).toEqual([]);
    expect(
      offences(matches(/\bimport\.meta\b/g)).filter(
        (offence) => !/^(main|log\/lmdb\/worker-file)\.ts:/.test(offence),
      ),
    ).toEqual([]);
  });
});
