import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbLog } from '../../src/log/lmdb-log.js';

jest.setTimeout(60_000);

const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-snapshots-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function* pieces(byte: number, failing: boolean) {
  for (let index = 0; index < 3; index++) yield new Uint8Array(1024 * 1024).fill(byte);
  if (failing) throw new Error('no more');
}

test('a second snapshot of one revision that fails half-way leaves none, rather than a mixture', async () => {
  const log = await openLmdbLog(directory);
  await log.create('demo', null);
  await log.append('demo', 1, 'first');
  await log.saveSnapshot('demo', 1, 'old', pieces(1, false));
  expect(await log.snapshot('demo')).toMatchObject({ revision: 1, label: 'old' });
  await expect(log.saveSnapshot('demo', 1, 'new', pieces(2, true))).rejects.toMatchObject({
    refusal: 'FAILED',
    message: 'The snapshot could not be written: no more.',
  });
  expect(await log.snapshot('demo')).toBeNull();
  for (const revision of [-1, 2]) {
    await expect(log.saveSnapshot('demo', revision, 'new', pieces(2, false))).rejects.toMatchObject({
      refusal: 'WRONG_REVISION',
    });
  }
  await log.close();
});
