import fc from 'fast-check';
import { u64FromNumber, u64FromPfn } from '../../../src/bits/u64.js';
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

const RUNS = Number(process.env.WHY_NOT_RUNS ?? 40);
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

test('no single command mends what whyNot says none mends, and none is enough where it says two', async () => {
  let checked = 0;
  for (const it of sample.slice(0, Math.ceil(RUNS / 2))) {
    const answer = await whyNot(replicaOf(it), it.command, 1000);
    const isHopeless = answer.verdict === 'NONE' && !answer.obstacles.some(isNoMatterOfRepair);
    if (!isHopeless && answer.repair.length < 2) continue;
    checked++;
    for (const single of everySingle(platformAfter(it.header, it.history))) {
      const trials = new Trials(replicaOf(it), 1000);
      const first = await trials.try([], single);
      if (first.refusal !== null) continue;
      const second = await trials.try([single], it.command);
      const what = [answer.verdict, it.command, single, answer.obstacles];
      expect([what, second.refusal === null]).toEqual([what, false]);
    }
  }
  expect(checked).toBeGreaterThan(5);
}, 600_000);

/** What is not there, or is so already, would need something else than a repair. */
function isNoMatterOfRepair({ code, mendedBy }: WhyNot['obstacles'][number]): boolean {
  return mendedBy === 'NOTHING_TO_DO' || code === 'NOT_FOUND' || code === 'INVALID_INPUT';
}

/** Every command that takes something away or gives it back, on everything there is. */
function everySingle({ kernel }: Platform): Command[] {
  const commands: Command[] = [];
  for (const device of kernel.devices.keys()) {
    commands.push({ type: 'unbindDriver', device });
    for (const driver of ['vfio-pci', 'idxd', 'nvme']) commands.push({ type: 'bindDriver', device, driver });
    commands.push({ type: 'enableFeature', device, feature: 'AUX' });
    commands.push({ type: 'disableFeature', device, feature: 'AUX' });
  }
  for (const subdevice of kernel.subdevices.keys()) commands.push({ type: 'removeMdev', subdevice });
  for (const subdevice of kernel.softwareSubdevices.keys())
    commands.push({ type: 'removeSoftwareMdev', subdevice });
  for (const domain of kernel.domains.values()) {
    commands.push({ type: 'freeDomain', domain: domain.number });
    for (const { endpoint, leaked } of domain.attachments) {
      if (leaked || endpoint.kind === 'SoftwareSubdevice') continue;
      const target = { kind: endpoint.kind, name: endpoint.name };
      commands.push({ type: 'detach', domain: domain.number, target });
    }
    for (const { iova, size } of domain.mappings())
      commands.push({ type: 'unmap', domain: domain.number, iova, size: u64FromNumber(size) });
  }
  for (const { number: group, domain } of kernel.groups.values()) {
    if (domain !== null)
      commands.push({ type: 'detach', domain: domain.number, target: { kind: 'Group', number: group } });
  }
  for (const { number: container, groups, iommu } of kernel.vfio.containers.values()) {
    commands.push({ type: 'closeContainer', container });
    for (const { number: group } of groups)
      commands.push({ type: 'removeGroupFromContainer', container, group });
    for (const iommuType of [1, 3]) commands.push({ type: 'setContainerIommu', container, iommuType });
    for (const { pfn, pages } of iommu?.dmas.all() ?? []) {
      const range = { iova: u64FromPfn(pfn), size: u64FromPfn(pages), all: false };
      commands.push({ type: 'vfioUnmapDma', container, ...range });
    }
  }
  return commands;
}

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
