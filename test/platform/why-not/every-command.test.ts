import fc from 'fast-check';
import type { Command } from '../../../src/platform/command.js';
import type { KernelConfig } from '../../../src/kernel/config.js';
import { KernelError } from '../../../src/kernel/errno.js';
import { digestOf } from '../../../src/platform/digest.js';
import type { PlannedRefusal } from '../../../src/platform/plan.js';
import type { Platform, PlatformHeader } from '../../../src/platform/platform.js';
import { standingBlockers } from '../../../src/platform/why-not/standing/index.js';
import { type WhyNot, whyNot } from '../../../src/platform/why-not/index.js';
import { Trials } from '../../../src/platform/why-not/trials.js';
import { smallCommand, smallHistory } from '../../support/platform/small-commands.js';
import { platformAfter, smallHeader } from '../../support/platform/small-machine.js';

const RUNS = Number(process.env.WHY_NOT_RUNS ?? 60);
const KERNELS: readonly Partial<KernelConfig>[] = [
  {},
  { profile: 'V5_15' },
  { profile: 'V6_1' },
  { profile: 'V5_15', auxRequirement: 'REQUIRED' },
  { profile: 'V6_1', subdeviceModel: 'PASID_ATTACH' },
  { subdeviceModel: 'AUX_API' },
  { commandLine: 'intel_iommu=on' },
  { commandLine: 'intel_iommu=on,sm_on intremap=off' },
];
const { domains, devices } = platformAfter(smallHeader(), []).kernel;
const FIRST_DOMAIN = Math.max(...domains.keys()) + 1;
const groupOf = (device: string) => devices.get(device)!.group!.number;

interface Case {
  readonly header: PlatformHeader;
  readonly history: readonly Command[];
  readonly command: Command;
}

const cases: fc.Arbitrary<Case> = fc.record({
  header: fc.constantFrom(...KERNELS.map((kernel) => smallHeader({ kernel }))),
  history: smallHistory(FIRST_DOMAIN, groupOf),
  command: smallCommand(FIRST_DOMAIN),
});

const replicaOf =
  ({ header, history }: Case) =>
  () =>
    Promise.resolve(platformAfter(header, history));

/** What becomes of a command after others, some of which may be refused. */
async function outcome(it: Case, before: readonly Command[]): Promise<PlannedRefusal> {
  const trials = new Trials(replicaOf({ ...it, history: [...it.history, ...before] }), 1000);
  return (await trials.try([], it.command)).refusal;
}

/** Twice the same list would tell nothing new; this one meets every verb. */
const sample = fc.sample(cases, { numRuns: RUNS, seed: 11 });

test('whyNot is empty exactly when the command succeeds, names all the kernel names, and leaves no trace', async () => {
  const seen = new Map<string, number>();
  for (const it of sample) {
    const platform = platformAfter(it.header, it.history);
    const digest = digestOf(platform);
    const { last } = platform.events;
    const answer = await whyNot(replicaOf(it), it.command, 1000);
    expect(digestOf(platform)).toBe(digest);
    expect(platform.events.last).toBe(last);

    const refusal = await outcome(it, []);
    expect([it.command, answer.obstacles.length === 0]).toEqual([it.command, refusal === null]);
    if (refusal === null) expect(standingBlockers(platform, it.command)).toEqual([]);
    if (refusal instanceof KernelError) {
      const codes = answer.obstacles.map(({ code }) => code);
      expect(codes).toEqual(expect.arrayContaining(refusal.blockers.map(({ code }) => code)));
    }
    const key = `${it.command.type} ${answer.verdict}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    await checkRepair(it, answer);
  }
  if (process.env.WHY_NOT_RUNS !== undefined) console.log([...seen].sort());
}, 600_000);

/** All of it in order, nothing refused, and then the command; none can be left out. */
async function checkRepair(it: Case, answer: WhyNot): Promise<void> {
  const { verdict, repair, reason } = answer;
  if (verdict !== 'FOUND') {
    expect(repair).toEqual([]);
    expect(reason === null).toBe(verdict === 'NOT_NEEDED');
    return;
  }
  expect(repair.length).toBeGreaterThan(0);
  for (const [index, command] of repair.entries()) {
    expect(await outcome({ ...it, command }, repair.slice(0, index))).toBeNull();
    expect(await outcome(it, repair.toSpliced(index, 1))).not.toBeNull();
  }
  expect(await outcome(it, repair)).toBeNull();
}
