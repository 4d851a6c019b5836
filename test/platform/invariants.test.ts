import fc from 'fast-check';
import { digestOf } from '../../src/platform/digest.js';
import { bind, type Intent, intent } from '../support/invariants/intents.js';
import { BOOTED_AT, bootCase, CASES, type Case } from '../support/invariants/machines.js';
import { remains, tearDown } from '../support/invariants/tear-down.js';
import { STEP, Watch } from '../support/invariants/watch.js';

/** Sequences for each machine, and commands in the longest: a few in CI, thousands by hand. */
const RUNS = Number(process.env.INVARIANT_RUNS ?? 2);
const LENGTH = Number(process.env.INVARIANT_LENGTH ?? 60);
/** The short form plays the same sequences every time; long runs look for new ones. */
const SEED = process.env.INVARIANT_RUNS === undefined ? { seed: 4 } : {};
const HAZARDS = new Set(['V5_10, AUX required, by parent', 'V6_1, AUX required', 'V6_1, attach to PASIDs']);

/** Runs what the intents stand for, and tells all commands when a rule breaks. */
function play(subject: Case, intents: readonly Intent[]): Watch {
  const watch = new Watch(subject);
  try {
    for (const each of intents) watch.run(bind(each, watch.book, watch.platform));
    const played = watch.commands.length;
    tearDown(watch);
    // Where no hazard can lose anything, nothing is lost.
    const left = HAZARDS.has(subject.name) ? remains(watch) : [];
    if (left.length > 0) throw new Error(`after ${played} commands and giving all back: ${left.join(', ')}`);
  } catch (error) {
    const list = watch.commands.map((command) => JSON.stringify(command)).join('\n');
    throw new Error(`${(error as Error).stack}\nafter\n${list}`, { cause: error });
  }
  total.sequences++;
  total.commands += watch.commands.length;
  return watch;
}

const total = { sequences: 0, commands: 0 };
if (process.env.INVARIANT_RUNS !== undefined)
  afterAll(() => console.log(`${total.sequences} sequences, ${total.commands} commands`));

describe.each(CASES)('random commands on $name', (subject) => {
  it('keep every rule, and give the same again', () => {
    let replay = true;
    fc.assert(
      fc.property(fc.array(intent, { maxLength: LENGTH, size: 'max' }), (intents) => {
        const { platform, commands } = play(subject, intents);
        if (!replay) return;
        replay = false;
        const second = bootCase(subject);
        for (const [index, command] of commands.entries())
          second.apply({ command, time: BOOTED_AT + STEP * (index + 1) });
        expect(digestOf(second)).toBe(digestOf(platform));
      }),
      { numRuns: RUNS, ...SEED },
    );
  });
});
