import { commandLine } from './server/command-line.js';

await commandLine().parseAsync();
