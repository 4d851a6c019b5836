import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { openLmdbLog } from '../log/lmdb-log.js';
import { LogError } from '../log/log-error.js';
import { verdictLine, verifyLog } from './verify.js';

/** `verify --data-dir DIR`. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('replay every platform of a data directory twice and compare all that can be seen')
    .option('--data-dir <directory>', 'where the command log is kept', './data')
    .showSuggestionAfterError(false)
    .action(async ({ dataDir }: { readonly dataDir: string }) => {
      process.exitCode = await runVerify(dataDir);
    });
}

/** Prints a line a platform; gives 0 when all replays agree, else 1. */
async function runVerify(directory: string): Promise<number> {
  if (!existsSync(directory)) {
    process.stderr.write(`error: There is no data directory ${directory}.\n`);
    return 1;
  }
  try {
    const log = await openLmdbLog(directory);
    let differing = 0;
    for await (const verdict of verifyLog(log)) {
      process.stdout.write(`${verdictLine(verdict)}\n`);
      if (verdict.digests[0] !== verdict.digests[1]) differing++;
    }
    await log.close();
    return differing === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return 1;
  }
}
