import { fileURLToPath } from 'node:url';
import { importCommand } from './cli/import-command.js';
import { verifyCommand } from './cli/verify-command.js';
import { walkCommand } from './cli/walk-command.js';
import { commandLine } from './server/command-line.js';

const operations = fileURLToPath(new URL('../schema/operations', import.meta.url));
const program = fileURLToPath(new URL('.', import.meta.url));

await commandLine(operations, program)
  .addCommand(walkCommand())
  .addCommand(verifyCommand(program))
  .addCommand(importCommand())
  .parseAsync();
