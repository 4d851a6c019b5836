import { toHex } from '../../../src/bits/u64.js';
import { evidenceTest, readDump, readJsonLines } from '../../support/hardware/evidence.js';
import { Host } from '../../support/kernel/host.js';

const DUMP = 'memory/mem-legacy48';
const SEQUENCE = 'invalidation/invalidation-sequence-ats';
const NETWORK = '0000:01:00.0';
const DISK = '0000:02:00.0';

/** The emulator's devices, without a driver yet; its unit has no extended mode. */
function host(): Host {
  const on = Host.boot({
    config: { profile: 'V6_1', commandLine: 'intel_iommu=on' },
    ecap: { EIM: 0 },
    parents: [
      { at: NETWORK, msix: 5, driver: null },
      { at: DISK, msix: 65, driver: null },
    ],
  });
  return on;
}

interface Step {
  readonly desc: string;
  readonly trace: readonly string[];
}

/** Indices invalidated in a step, counted from the lowest. */
function recorded(desc: string): number[] {
  const step = readJsonLines<Step>(SEQUENCE, 'events.jsonl').find((each) => each.desc.startsWith(desc))!;
  const indices = step.trace.flatMap((line) => {
    const found = /^vtd_inv_desc_iec granularity 0x1 index (\S+) mask 0x0$/.exec(line);
    return found === null ? [] : [Number(found[1])];
  });
  return indices.map((index) => index - Math.min(...indices));
}

function invalidated(on: Host, act: () => void): number[] {
  const before = on.hardware.length;
  act();
  return on.hardware.slice(before).flatMap((event) => {
    if (event.type !== 'INVALIDATION' || event.descriptor !== 'INTERRUPT_ENTRY_CACHE') return [];
    return [Number(/* IIDX: VT-d 6.5.2.7, bits 47:32 */ event.words[0].hi & 0xffff)];
  });
}

evidenceTest(DUMP, 'entries of two devices are those of a real kernel, but for the vector', () => {
  const page = readDump(DUMP).pages.find(({ address }) => address === 0x1200000)!;
  const view = new DataView(page.bytes.buffer, page.bytes.byteOffset, 4096);
  const real = [20, 21, 23, 24, 25].map((index) => [
    view.getBigUint64(index * 16, true) & ~0xff0000n,
    view.getBigUint64(index * 16 + 8, true),
  ]);
  const on = host();
  on.kernel.bindDriver(on.device(DISK), 'nvme', 2);
  on.kernel.bindDriver(on.device(NETWORK), 'e1000e', 3);
  const base = on.kernel.units[0].interruptTableFrame! * 4096;
  const word = (at: number) => BigInt(toHex(on.machine.memory.load64(at)));
  const ours = [0, 1, 2, 3, 4].map((index) => [
    word(base + index * 16) & ~0xff0000n,
    word(base + index * 16 + 8),
  ]);
  expect(ours).toEqual(real);
});

evidenceTest(SEQUENCE, 'requesting interrupts drops each entry twice, as a real kernel does', () => {
  const on = host();
  const all = invalidated(on, () => on.kernel.bindDriver(on.device(NETWORK), 'e1000e', 3));
  // The recording begins after they were allocated, which dropped each once.
  expect(all.slice(0, 3)).toEqual([0, 1, 2]);
  expect(all.slice(3)).toEqual(recorded('network interface up'));
});

evidenceTest(SEQUENCE, 'freeing them drops each entry once when it is freed and once with its block', () => {
  const on = host();
  on.kernel.bindDriver(on.device(DISK), 'nvme', 2);
  const ours = invalidated(on, () => on.kernel.unbindDriver(on.device(DISK)));
  const real = recorded('unbind nvme driver');
  // In which order a driver frees its queues is its own affair.
  expect(ours.slice(0, 2).sort()).toEqual(real.slice(0, 2).sort());
  expect(ours.slice(2)).toEqual(real.slice(2));
  expect(ours).toHaveLength(real.length);
});
