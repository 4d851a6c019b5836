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
