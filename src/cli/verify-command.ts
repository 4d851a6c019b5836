import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { openLmdbLog } from '../log/lmdb-log.js';
import { LogError } from '../log/log-error.js';
import { programIn } from '../platform/program.js';
import { isDifferent, verdictLine, verifyLog } from './verify.js';

/**
 * `verify --data-dir DIR`.
 *
 * @param programDirectory where the scripts of the program are
 */
export function verifyCommand(programDirectory: string): Command {
  return new Command('verify')
    .description(
      'replay every platform of a data directory twice and compare all that can be seen, also with its snapshots',
    )
    .option('--data-dir <directory>', 'where the command log is kept', './data')
    .showSuggestionAfterError(false)
    .action(async ({ dataDir }: { readonly dataDir: string }) => {
      process.exitCode = await runVerify(dataDir, programIn(programDirectory));
    });
}

/** Prints a line a platform; gives 0 when all replays and snapshots agree, else 1. */
async function runVerify(directory: string, program: string): Promise<number> {
  if (!existsSync(directory)) {
    process.stderr.write(`error: There is no data directory ${directory}.\n`);
    return 1;
  }
  try {
    const log = await openLmdbLog(directory);
    let differing = 0;
    for await (const verdict of verifyLog(log, program)) {
      process.stdout.write(`${verdictLine(verdict)}\n`);
      if (isDifferent(verdict)) differing++;
    }
    await log.close();
    return differing === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return 1;
  }
}
