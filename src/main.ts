import { walkCommand } from './cli/walk-command.js';
import { commandLine } from './server/command-line.js';

await commandLine().addCommand(walkCommand()).parseAsync();
