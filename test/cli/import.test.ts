import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { runImport } from '../../src/cli/import.js';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { PlatformHost } from '../../src/platform/host.js';
import { runProgram } from '../support/server/server-process.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-import-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const BUNDLE = `#iommu-graph bundle 1
#iommu-graph section command-line
quiet intel_iommu=off
#iommu-graph section dmar
#iommu-graph note the DMAR table can be read by root only
#iommu-graph section pci
0000:00:00.0 0600: 8086:0d57
0000:00:02.0 0300: 8086:5916 (rev 02)
#iommu-graph end
`;

class Text extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function run(file: string, name: string | null = null) {
  const [output, errors] = [new Text(), new Text()];
  const dataDirectory = join(directory, 'data');
  const status = await runImport({ file, name, dataDirectory, output, errors });
  return { status, output: output.text, errors: errors.text };
}

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

it('stores the machine, so that the next start on the directory has it', async () => {
  const file = write('my laptop.txt', BUNDLE);
  const { status, output, errors } = await run(file);
  expect([status, errors]).toEqual([0, '']);
  const lines = output.trimEnd().split('\n');
  expect(lines[0]).toBe('warning: bundle line 5: dmar: the DMAR table can be read by root only');
  expect(lines.at(-1)).toBe(
    `imported "my-laptop": 2 devices, 0 remapping units, 0 groups (0 reported), 0 DMAR structures, ${lines.length - 1} warnings`,
  );
  const host = await PlatformHost.open(await openLmdbLog(join(directory, 'data')));
  try {
    const platform = host.platform('my-laptop');
    expect(platform?.header.origin).toBe('IMPORTED');
    expect([...(platform?.kernel.devices.keys() ?? [])]).toEqual(['0000:00:00.0', '0000:00:02.0']);
    expect(platform?.header.kernel.commandLine).toBe('quiet intel_iommu=off');
  } finally {
    await host.close();
  }
});

it('refuses a name that is taken and keeps what was there', async () => {
  const file = write('a.txt', BUNDLE);
  expect((await run(file, 'laptop')).status).toBe(0);
  expect(await run(file, 'laptop')).toEqual({
    status: 1,
    output: '',
    errors: `import: ${file}: A platform named "laptop" exists.\n`,
  });
});

it.each([
  ['a file that is no bundle', 'hello\n', null, /^import: \S+: line 1: not a bundle/],
  [
    'a bundle with a part that cannot be read',
    BUNDLE.replace('0000:00:00.0', 'x').replace('0000:00:02.0', 'y'),
    null,
    /the part pci, which starts in line 7: no line starts/,
  ],
  ['a name no platform can have', BUNDLE, 'a b', /"a b" cannot name a platform/],
])('refuses %s in one line', async (_what, text, name, message) => {
  const { status, output, errors } = await run(write('a.txt', text), name);
  expect([status, output]).toEqual([1, '']);
  expect(errors).toMatch(message);
  expect(errors.trimEnd().split('\n')).toHaveLength(1);
});

it('refuses a file that is not there, a directory and a file of 17 MB', async () => {
  const missing = join(directory, 'none.txt');
  expect((await run(missing)).errors).toBe(`import: ${missing}: ENOENT: no such file or directory\n`);
  expect((await run(directory)).errors).toMatch(/: EISDIR: /);
  expect((await run(write('big.txt', 'x'.repeat(17 << 20)))).errors).toMatch(/: has 17825792 bytes; /);
});

it('is a command of the program', async () => {
  const file = write('a.txt', BUNDLE);
  const data = join(directory, 'data');
  const first = await runProgram('import', file, '--name', 'one', '--data-dir', data);
  expect([first.code, first.stderr]).toEqual([0, '']);
  expect(first.stdout).toMatch(/^imported "one": 2 devices/m);
  const second = await runProgram('import', file, '--name', 'one', '--data-dir', data);
  expect([second.code, second.stderr]).toEqual([1, `import: ${file}: A platform named "one" exists.\n`]);
});
