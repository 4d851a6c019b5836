import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { expectAppended, startAppender } from '../support/log/appending.js';

jest.setTimeout(60_000);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-full-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

// A bound on the size of files stands in for the disk; it can be set, and lifted, while the process runs.
const canLimit = spawnSync('prlimit', ['--version']).status === 0;
if (!canLimit) console.warn('prlimit is not installed: a full disk is not tested');

(canLimit ? test : test.skip)(
  'a full disk refuses what does not fit, loses nothing, and is written to again when there is room',
  async () => {
    const { child, lines } = startAppender(directory);
    const limit = (bytes: string) =>
      execFileSync('prlimit', [`--pid=${child.pid}`, `--fsize=${bytes}:unlimited`]);
    const acknowledged = new Map<number, string>();
    const refused = new Set<string>();
    let refusals = 0;
    let atLift = 0;
    for await (const line of lines) {
      const [what, revision, attempt] = line.split(' ');
      if (what === 'acknowledged') acknowledged.set(Number(revision), attempt!);
      if (acknowledged.size === 100 && refusals === 0)
        limit(String(statSync(join(directory, 'log.mdb')).size));
      if (what === 'refused') {
        refused.add(line);
        if (++refusals === 40) {
          limit('unlimited');
          atLift = acknowledged.size;
        }
      }
      if (refusals >= 40 && acknowledged.size >= atLift + 300) child.kill('SIGKILL');
    }
    expect([...refused]).toEqual([
      expect.stringMatching(/^refused FAILED The command log could not be written: EFBIG: file too large/),
    ]);
    const log = await openLmdbLog(directory);
    await expectAppended(log, acknowledged);
    await log.close();
  },
);

(canLimit ? test : test.skip)(
  'snapshots that do not fit are given up, and no append is refused for them',
  async () => {
    const { child, lines } = startAppender(directory, 'snapshots');
    const acknowledged = new Map<number, string>();
    const unsaved = new Set<string>();
    const refused: string[] = [];
    let failures = 0;
    let saved = 0;
    let atFirst = 0;
    for await (const line of lines) {
      const [what, revision, attempt] = line.split(' ');
      if (what === 'acknowledged') acknowledged.set(Number(revision), attempt!);
      if (what === 'refused') refused.push(line);
      if (what === 'saved' && ++saved === 2) {
        // Less than a snapshot more than there is.
        const bytes = statSync(join(directory, 'log.mdb')).size + 1024 * 1024;
        execFileSync('prlimit', [`--pid=${child.pid}`, `--fsize=${bytes}:unlimited`]);
      }
      if (what === 'unsaved') {
        unsaved.add(line.replace(/ revision.*/, ''));
        if (++failures === 1) atFirst = acknowledged.size;
      }
      if (failures >= 5 && acknowledged.size >= atFirst + 100) child.kill('SIGKILL');
    }
    expect(refused).toEqual([]);
    expect([...unsaved]).toEqual([
      expect.stringMatching(/^unsaved FAILED The snapshot could not be written: EFBIG: file too large/),
    ]);
    const log = await openLmdbLog(directory);
    await expectAppended(log, acknowledged);
    // The last that was whole is still there.
    const snapshot = await log.snapshot('platform');
    const sums: number[] = [];
    for await (const piece of snapshot!.pieces) sums.push(piece.reduce((sum, byte) => sum + byte, 0));
    expect(sums).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((byte) => byte * 1024 * 1024));
    await log.close();
  },
);
