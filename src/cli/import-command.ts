import { Command } from 'commander';
import { runImport } from './import.js';

interface ImportFlags {
  readonly name?: string;
  readonly dataDir: string;
}

/** `import FILE [--name N] [--data-dir DIR]`. */
export function importCommand(): Command {
  return new Command('import')
    .description(
      'store a real machine as a platform: a bundle written by docs/capture/iommu-graph-capture.sh',
    )
    .argument('<file>', 'the bundle')
    .option('--name <name>', 'name of the platform; that of the file when left out')
    .option(
      '--data-dir <directory>',
      'where the command log is kept; no server may be running on it',
      './data',
    )
    .showSuggestionAfterError(false)
    .action(async (file: string, { name, dataDir }: ImportFlags) => {
      process.exitCode = await runImport({ file, name: name ?? null, dataDirectory: dataDir });
    });
}
