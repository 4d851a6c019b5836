import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { defaults } from '../support/kernel/host.js';

const SCENARIOS = join(__dirname, 'scenarios');

/**
 * The scenarios again, each on a host of a later kernel: a rule that is one kernel's alone says so in its plan,
 * every other holds here too.
 */
describe.each(['V5_15', 'V6_1'] as const)('every scenario under %s', (profile) => {
  for (const file of readdirSync(SCENARIOS).filter((name) => name.endsWith('.test.ts'))) {
    describe(file, () => {
      jest.isolateModules(() => {
        // Its own copy, so that what is set for one kernel is not seen by another's.
        const host = jest.requireActual<{ defaults: typeof defaults }>('../support/kernel/host.js');
        host.defaults.profile = profile;
        jest.requireActual(join(SCENARIOS, file));
      });
    });
  }
});
