import { describeMachine } from '../../src/firmware/import.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { Platform } from '../../src/platform/platform.js';
import { describeRealData, has, readBytes, readText } from '../firmware/support/real-data.js';
import { type Recorded, type Verdict, VfioReplay } from '../support/vfio-evidence.js';

const VFIO = 'qemu-linux/vfio';
const TOPOLOGY = 'qemu-linux/topology';

/** A recording and the machine it is repeated on. */
interface Case {
  readonly name: string;
  readonly recording: string;
  /** Listing and tables of a machine that has what the recording uses. */
  readonly machine: string;
  /** Kernel log that tells the units and the command line; the machine's own when the case has none. */
  readonly log?: string;
  readonly commandLine?: string;
  readonly dmaEntryLimit?: number;
  readonly deviceA?: string;
  /** Devices that stand for those of the recording. */
  readonly standIns?: Readonly<Record<string, string>>;
  /** Calls that must agree; more may. */
  readonly agreed: number;
}

const onFlat = (name: string, machine: string, agreed: number): Case => ({
  name,
  recording: `${VFIO}/${name}/ops.jsonl`,
  machine: `${TOPOLOGY}/${machine}`,
  log: `${VFIO}/${name}/dmesg.txt`,
  agreed,
});

/** The port without access control of this machine and what is behind it. */
const BRIDGE_STAND_INS = { '0000:01:00.0': '0000:03:00.0', '0000:00:03.0': '0000:00:02.2' };

const CASES: readonly Case[] = [
  onFlat('vfio-legacy48', 'flat-q35', 181),
  onFlat('vfio-scalable', 'scalable-mode', 181),
  onFlat('vfio-aw39', 'aw39', 181),
  onFlat('vfio-snoop-pt', 'flat-q35', 181),
  onFlat('vfio-612', 'flat-612', 181),
  onFlat('vfio-612-flts', 'scalable-mode', 181),
  {
    name: 'vfio-limit',
    recording: `${VFIO}/vfio-limit/ops.jsonl`,
    machine: `${TOPOLOGY}/flat-q35`,
    dmaEntryLimit: 4,
    agreed: 18,
  },
  {
    name: 'vfio-bridge-in-group',
    recording: `${VFIO}/vfio-bridge-in-group/ops.jsonl`,
    machine: `${TOPOLOGY}/multifunction`,
    deviceA: '0000:03:00.0',
    standIns: BRIDGE_STAND_INS,
    agreed: 35,
  },
  {
    name: 'vfio-no-intremap',
    recording: `${VFIO}/vfio-no-intremap/ops.jsonl`,
    machine: `${TOPOLOGY}/no-intremap`,
    agreed: 35,
  },
  {
    name: 'vfio-no-intremap-unsafe-allowed',
    recording: `${VFIO}/vfio-no-intremap/ops-unsafe.jsonl`,
    machine: `${TOPOLOGY}/no-intremap`,
    commandLine: 'vfio_iommu_type1.allow_unsafe_interrupts=1',
    agreed: 35,
  },
  ...Object.entries({ locked: 6, usb: 16, 'free-then-locked': 16 }).map(([name, agreed]) => ({
    name: `rmrr/${name}`,
    recording: `qemu-linux/dmar/rmrr/vfio/${name}.jsonl`,
    machine: 'qemu-linux/dmar/rmrr',
    agreed,
  })),
];

/** Why an answer differs, by what the recorded call was; any other difference is a mistake. None does now. */
const EXPLAINED: readonly { readonly matches: (verdict: Verdict) => boolean; readonly reason: string }[] = [];

function platformOf(plan: Case): Platform {
  const { description } = describeMachine({
    dmar: Buffer.from(readBytes(`${plan.machine}/DMAR.bin`)).toString('base64'),
    pci: readText(`${plan.machine}/lspci-xxxx.txt`),
    iommuGroups: readText(`${plan.machine}/iommu_groups.txt`),
    kernelLog: readText(plan.log ?? `${plan.machine}/dmesg.txt`),
  });
  const kernel = kernelConfig(description.commandLine, {
    profile: 'V6_1',
    ...(plan.commandLine === undefined ? {} : { commandLine: plan.commandLine }),
    ...(plan.dmaEntryLimit === undefined ? {} : { dmaEntryLimit: plan.dmaEntryLimit }),
  });
  return new Platform({
    name: 'evidence',
    origin: 'IMPORTED',
    createdAt: 0,
    description,
    kernel,
    warnings: [],
  });
}

function linesOf(path: string): (Recorded & { deviceA?: string; deviceB?: string })[] {
  return readText(path)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Recorded);
}

/** Hands the devices of a recording to user space, as its script did. */
function bindToVfio(platform: Platform, names: readonly (string | undefined)[]): void {
  for (const name of names) {
    const device = name === undefined ? undefined : platform.kernel.devices.get(name);
    if (device === undefined || device.fn.isBridge) continue;
    if (device.driver !== null) platform.kernel.unbindDriver(device);
    platform.kernel.bindDriver(device, 'vfio-pci');
  }
}

function replayCase(plan: Case): Verdict[] {
  const lines = linesOf(plan.recording);
  const header = lines[0] ?? {};
  const platform = platformOf(plan);
  const standFor = (name: string | undefined) =>
    name === undefined ? name : (plan.standIns?.[name] ?? name);
  bindToVfio(platform, [standFor(header.deviceA), standFor(header.deviceB)]);
  const deviceA = plan.deviceA ?? header.deviceA ?? '';
  return new VfioReplay(platform, plan.standIns ?? {}, deviceA).run(lines);
}

function count<T>(items: readonly T[], key: (item: T) => string): string[] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return [...counts].map(([text, times]) => `${times} × ${text}`);
}

describeRealData('VFIO calls recorded on a real kernel, repeated here', () => {
  const totals = { agreed: 0, notExpressible: 0, differing: 0 };

  afterAll(() => {
    console.log(
      `all: ${totals.agreed} agreed, ${totals.notExpressible} not expressible, ${totals.differing} differing`,
    );
  });

  it('covers every row of the table of all operations', () => {
    const rows = readText(`${VFIO}/all-operations.csv`).trim().split('\n').slice(1);
    const table = rows.map((row) => {
      const cells = row.split(',');
      return [cells[1], cells[2], cells[3], cells[10]].join(' ');
    });
    const recorded = CASES.filter(({ recording }) => recording.startsWith(VFIO))
      .flatMap(({ recording }) => linesOf(recording))
      .filter(({ op }) => op !== undefined)
      .map(({ section, n, op, err }) => [section, n, op, err].join(' '));
    expect(recorded.sort()).toEqual(table.sort());
  });

  it.each(CASES.map((plan) => [plan.name, plan] as const))('%s', (name, plan) => {
    if (!has(plan.recording)) throw new Error(`${plan.recording} is missing`);
    const verdicts = replayCase(plan);
    const of = (kind: Verdict['kind']) => verdicts.filter((verdict) => verdict.kind === kind);
    const differing = of('differing').map((verdict) => ({
      verdict,
      reason: EXPLAINED.find(({ matches }) => matches(verdict))?.reason ?? null,
    }));
    totals.agreed += of('agreed').length;
    totals.notExpressible += of('not expressible').length;
    totals.differing += differing.length;
    console.log(
      [
        `${name}: ${of('agreed').length} agreed (${of('agreed').filter(({ belowApi }) => belowApi).length} of them calls the API does not offer), ${of('not expressible').length} not expressible, ${differing.length} differing`,
        ...count(of('not expressible'), ({ detail }) => detail).map((text) => `  not expressible: ${text}`),
        ...differing.map(
          ({ verdict, reason }) =>
            `  differing: ${verdict.recorded.n} ${verdict.recorded.op} (${verdict.recorded.desc}): ${verdict.detail}; ${reason ?? 'UNEXPLAINED'}`,
        ),
      ].join('\n'),
    );
    expect(differing.filter(({ reason }) => reason === null)).toEqual([]);
    expect(of('agreed').length).toBeGreaterThanOrEqual(plan.agreed);
  });
});
