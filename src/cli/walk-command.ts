import { Command } from 'commander';
import { runWalk } from './walk.js';

/** `walk DIR [--json]`. */
export function walkCommand(): Command {
  return new Command('walk')
    .description('walk the tables of a dumped machine: a JSON request a line on standard input')
    .argument('<directory>', 'holds tables.json and tables.bin.gz')
    .option('--json', 'one JSON answer a line instead of a table', false)
    .showSuggestionAfterError(false)
    .action(async (directory: string, { json }: { readonly json: boolean }) => {
      process.exitCode = await runWalk({ directory, json });
    });
}
