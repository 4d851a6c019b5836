import { HostMemory } from '../../../src/memory/host-memory.js';
import {
  type Dump,
  evidenceTest,
  readDump,
  readJson,
  readJsonLines,
  sourceIdFrom,
} from '../../support/hardware/evidence.js';
import { request } from '../../support/hardware/requests.js';
import { Bench } from '../../support/hardware/unit-builder.js';
import { word } from '../../support/hardware/words.js';

interface Context {
  readonly sid: string;
  readonly tt: number;
  /** Input address, host address, size, permissions. */
  readonly leaves?: readonly (readonly [string, string, string, string])[];
}

interface Probe {
  readonly bdf: string;
  readonly iova: string;
  readonly access: 'read' | 'write';
  readonly walker: { readonly ok: boolean; readonly hpa: string | null; readonly perm: string };
  readonly qemu_faults: readonly string[];
  readonly faulted: boolean;
}

/** A unit over the dumped tables: no other frame of the machine's memory can be read. */
function benchOver(dump: Dump): Bench {
  const kept = new Set(dump.pages.map(({ address }) => address / 4096));
  const memory = new HostMemory(2 ** 40, (frame) => !kept.has(frame));
  for (const { address, bytes } of dump.pages) memory.writeBytes(address, bytes);
  const capability = word(dump.registers.CAP);
  const bench = new Bench({
    capability,
    extendedCapability: word(dump.registers.ECAP),
    version: Number(dump.registers.VER),
    // The emulator's host width is its guest width.
    hostAddressWidth: ((capability.lo >>> 16) & 0x3f) + 1,
    memory,
  });
  bench.setRootTable(dump.registers.RTADDR);
  bench.enableTranslation();
  return bench;
}

const at = (base: string, offset: bigint) => '0x' + (BigInt(base) + offset).toString(16);

/**
 * Every leaf the capture lists, at its first and last byte; writes to read-only leaves are 0x05. Lists what
 * differs: tens of thousands of matchers would take longer than all translations together.
 */
function compareLeaves(bench: Bench, context: Context, differing: string[]): number {
  const sourceId = sourceIdFrom(context.sid);
  for (const [iova, physical, size, permissions] of context.leaves ?? []) {
    const isWritable = permissions === 'rw';
    for (const offset of [0n, BigInt(size) - 1n]) {
      const result = bench.unit.translate(request({ sourceId, address: at(iova, offset) }));
      const isRight =
        result.kind === 'TRANSLATED' &&
        result.physical === Number(BigInt(physical) + offset) &&
        result.pageSize === Number(size) &&
        result.access.read &&
        result.access.write === isWritable;
      if (!isRight) differing.push(`${context.sid} ${iova}+${offset}: ${JSON.stringify(result)}`);
    }
    const write = bench.unit.translate(request({ sourceId, address: iova, type: 'WRITE' }));
    const isRight = isWritable
      ? write.kind === 'TRANSLATED'
      : write.kind === 'BLOCKED' && write.reason === 0x05;
    if (!isRight) differing.push(`${context.sid} write ${iova}: ${JSON.stringify(write)}`);
    if (!isWritable) bench.clearFault();
  }
  return context.leaves?.length ?? 0;
}

/** The first page behind a leaf that no other leaf covers. */
function compareGaps(bench: Bench, context: Context): number {
  const leaves = context.leaves ?? [];
  const covered = new Set(leaves.map(([iova]) => BigInt(iova)));
  let gaps = 0;
  for (const [iova, , size] of leaves) {
    const next = BigInt(iova) + BigInt(size);
    // The list of a large domain is cut off after its last leaf; the interrupt range is not translated.
    if (covered.has(next) || iova === leaves[leaves.length - 1][0] || next >> 20n === 0xfeen) continue;
    const sourceId = sourceIdFrom(context.sid);
    const result = bench.unit.translate(request({ sourceId, address: at(iova, BigInt(size)) }));
    expect(result).toMatchObject({ kind: 'BLOCKED', reason: 0x06 });
    bench.clearFault();
    gaps++;
  }
  return gaps;
}

describe.each(['mem-legacy39', 'mem-legacy48'])('tables of a running kernel: %s', (name) => {
  const capture = `memory/${name}`;

  describe.each(['', '/after-close'])('dump%s', (moment) => {
    evidenceTest(
      capture + moment,
      'every leaf and every gap translates as an independent walker found',
      () => {
        const bench = benchOver(readDump(capture + moment));
        const contexts = readJson<Context[]>(capture + moment, 'expected.json');
        let leaves = 0;
        let gaps = 0;
        const differing: string[] = [];
        for (const context of contexts) {
          leaves += compareLeaves(bench, context, differing);
          gaps += compareGaps(bench, context);
          if (context.tt === 2) {
            const through = request({ sourceId: sourceIdFrom(context.sid), address: '0x12345678' });
            expect(bench.unit.translate(through)).toMatchObject({ kind: 'TRANSLATED', physical: 0x12345678 });
          }
        }
        expect(differing).toEqual([]);
        expect(leaves).toBeGreaterThan(0);
        process.stdout.write(
          `${name}${moment}: ${contexts.length} sources, ${leaves} leaves, ${gaps} gaps\n`,
        );
      },
    );
  });

  evidenceTest(capture, 'every probe of a real device ends as it did on the emulator', () => {
    const bench = benchOver(readDump(capture));
    const probes = readJsonLines<Probe>(capture, 'probes.jsonl');
    let agreed = 0;
    let departures = 0;
    for (const probe of probes) {
      // A function behind a PCIe-to-PCI bridge shows up as device 0 of the bus.
      const sourceId = probe.bdf.startsWith('0000:04:') ? 0x0400 : sourceIdFrom(probe.bdf);
      const type = probe.access === 'read' ? ('READ' as const) : ('WRITE' as const);
      const result = bench.unit.translate(request({ sourceId, address: probe.iova, type }));
      bench.clearFault();
      if (probe.faulted) {
        const reason = Number(/fault (\d+)/.exec(probe.qemu_faults[0])![1]);
        expect(result).toMatchObject({ kind: 'BLOCKED', reason });
        agreed++;
      } else if (probe.access === 'write' && probe.walker.perm === 'r-') {
        // The emulator drops a write through a cached read-only translation without a fault; hardware walks
        // again and faults.
        expect(result).toMatchObject({ kind: 'BLOCKED', reason: 0x05 });
        departures++;
      } else {
        expect(result).toMatchObject({ kind: 'TRANSLATED', physical: Number(probe.walker.hpa) });
        agreed++;
      }
    }
    expect(departures).toBe(2);
    process.stdout.write(
      `${name}: ${probes.length} probes, ${agreed} agree, ${departures} known departures\n`,
    );
  });
});
