import { Command } from 'commander';
import { holdsLog } from '../log/data-directory.js';
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
  // Opening would begin one.
  if (!holdsLog(directory)) {
    process.stderr.write(`error: There is no command log in "${directory}".\n`);
    return 1;
  }
  try {
    const log = await openLmdbLog(directory);
    let platforms = 0;
    let differing = 0;
    for await (const verdict of verifyLog(log, program)) {
      process.stdout.write(`${verdictLine(verdict)}\n`);
      platforms++;
      if (isDifferent(verdict)) differing++;
    }
    if (platforms === 0) process.stdout.write('no platforms\n');
    await log.close();
    return differing === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return 1;
  }
}
