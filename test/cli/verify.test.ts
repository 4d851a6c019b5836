import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { digestOf } from '../../src/platform/digest.js';
import { PlatformHost } from '../../src/platform/host.js';
import { built } from '../support/built.js';

const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-verify-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function verify(dataDirectory: string) {
  const args = [built('main.js'), 'verify', '--data-dir', dataDirectory];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}

test('verify prints, for each platform of a directory, what another process saw of it', async () => {
  const host = await PlatformHost.open(await openLmdbLog(directory), () => 1_600_000_000_000);
  await createFromTemplate(host, 'desk', 'legacy-desktop', {});
  await createFromTemplate(host, 'gone', 'legacy-desktop', {});
  await host.perform('desk', { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
  const fork = await host.fork('desk', 'fork', 0);
  await host.delete('gone', { request: { key: 'k', fingerprint: 'f' } });
  const desk = host.platform('desk')!;
  await host.close();

  const { status, stdout, stderr } = verify(directory);
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    `same desk commands 1 events ${desk.events.last} sha256 ${digestOf(desk)}`,
    `same fork commands 0 events ${fork.events.last} sha256 ${digestOf(fork)}`,
  ]);
  expect(status).toBe(0);
}, 30_000);

test('verify of a directory without a log says so and begins none', () => {
  const missing = join(directory, 'missing');
  const empty = mkdtempSync(join(tmpdir(), 'iommu-graph-verify-'));
  try {
    for (const each of [missing, empty]) {
      const { status, stderr } = verify(each);
      expect([status, stderr]).toEqual([1, `error: There is no command log in "${each}".\n`]);
    }
    expect(existsSync(missing)).toBe(false);
    expect(readdirSync(empty)).toEqual([]);
  } finally {
    rmSync(empty, { recursive: true });
  }
});

test('verify of a log without platforms says that there are none', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'iommu-graph-verify-'));
  try {
    await (await openLmdbLog(empty)).close();
    expect(verify(empty)).toMatchObject({ status: 0, stdout: 'no platforms\n', stderr: '' });
  } finally {
    rmSync(empty, { recursive: true });
  }
});
