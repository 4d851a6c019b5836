import { fileURLToPath } from 'node:url';
import { importCommand } from './cli/import-command.js';
import { verifyCommand } from './cli/verify-command.js';
import { walkCommand } from './cli/walk-command.js';
import { commandLine } from './server/command-line.js';

const operations = fileURLToPath(new URL('../schema/operations', import.meta.url));

await commandLine(operations)
  .addCommand(walkCommand())
  .addCommand(verifyCommand())
  .addCommand(importCommand())
  .parseAsync();
