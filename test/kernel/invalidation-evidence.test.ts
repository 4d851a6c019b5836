import { EVIDENCE, hasEvidence, readEvidence } from '../support/pci-evidence.js';
import { InvalidationReplay, type RecordedStep, type StepVerdict } from '../support/invalidation-evidence.js';

const ROOT = 'qemu-linux/invalidation';
/** Recordings, with the descriptors that must agree. */
const CASES = [
  ['strict', 645],
  ['lazy', 118],
  ['ats', 650],
] as const;

const present = hasEvidence(ROOT);
if (!present) console.warn(`SKIPPED: no recorded invalidations at ${EVIDENCE}/${ROOT}`);

(present ? describe.each(CASES) : describe.skip.each(CASES))('the recorded sequence %s', (name, agreed) => {
  const folder = `${ROOT}/invalidation-sequence-${name}`;
  let steps: RecordedStep[];
  let replay: InvalidationReplay;
  let verdicts: StepVerdict[];

  beforeAll(() => {
    steps = readEvidence(`${folder}/events.jsonl`)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RecordedStep);
    replay = new InvalidationReplay(readEvidence(`${folder}/dmesg.txt`), name === 'ats');
  });

  it('is done on a machine with the same groups', () => {
    const reply = steps[0].guest![0].reply;
    const real = reply.flatMap((line, index) => {
      if (!line.startsWith('group ')) return [];
      const devices = reply.slice(index).find((each) => each.startsWith('devices:'))!;
      return [`${line} ${devices.trim()}`];
    });
    expect(replay.groups()).toEqual(real);
    expect(replay.kernel.units[0].domainIdsUsed).toBe(14);
  });

  it('agrees descriptor by descriptor', () => {
    verdicts = steps.map((step) => replay.run(step));
    const count = (kind: StepVerdict['kind']) => {
      const of = verdicts.filter((each) => each.kind === kind);
      return `${of.length} steps (${of.reduce((sum, each) => sum + each.descriptors, 0)} descriptors) ${kind}`;
    };
    const reasons = verdicts
      .filter(({ kind }) => kind !== 'agreed')
      .map(({ step, desc, kind, detail }) => `  ${step} ${desc}: ${kind}: ${detail}`);
    console.info(
      [`${name}: ${count('agreed')}, ${count('not expressible')}, ${count('differing')}`, ...reasons].join(
        '\n',
      ),
    );
    expect(verdicts.filter(({ kind }) => kind === 'differing')).toEqual([]);
    const descriptors = verdicts
      .filter(({ kind }) => kind === 'agreed')
      .reduce((sum, each) => sum + each.descriptors, 0);
    expect(descriptors).toBeGreaterThanOrEqual(agreed);
  });
});
