import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type WalkRequest, askWalk } from '../support/cli/run-walk.js';
import { EVIDENCE, evidenceTest, readJson, readJsonLines } from '../support/hardware/evidence.js';

/** Input address, host address, size, permissions. */
type Leaf = readonly [iova: string, physical: string, size: string, permissions: string];

interface Source {
  readonly sid: string;
  readonly tt: number;
  /** Addresses have 30 + 9 * AW bits. Spec: VT-d 9.3 "Context Entry". */
  readonly aw: number;
  readonly leaves?: readonly Leaf[];
  /** The list stops short of `mappings` leaves. */
  readonly truncated?: boolean;
}

interface Probe {
  readonly bdf: string;
  readonly iova: string;
  readonly access: 'read' | 'write';
  readonly walker: {
    readonly ok: boolean;
    readonly hpa: string | null;
    readonly page_size: string;
    readonly perm: string;
  };
  readonly qemu_faults: readonly string[];
  readonly faulted: boolean;
}

/** A question and the answer the capture has for it. */
interface Expectation {
  readonly request: WalkRequest;
  readonly expected: unknown;
}

/** A way the emulator departs from the specification, and why. */
interface Departure {
  readonly name: string;
  readonly reason: string;
  readonly covers: (probe: Probe) => boolean;
  /** What the specification says instead. */
  readonly answer: unknown;
}

const DEPARTURES: readonly Departure[] = [
  {
    name: 'a write through a cached read-only translation is dropped without a fault',
    reason:
      'the emulator answers from its IOTLB without checking the access; hardware walks again and records it',
    covers: ({ faulted, access, walker }) => !faulted && access === 'write' && walker.perm === 'r-',
    answer: { outcome: 'FAULTED', reason: 0x05, step: 'SL1' },
  },
];

const hex = (value: bigint) => '0x' + value.toString(16);
const isInterrupt = (address: bigint) => address >> 20n === 0xfeen;
const accessOf = (permissions: string) => (permissions === 'rw' ? ['READ', 'WRITE'] : ['READ']);
const levelOf = (size: string) => ({ '0x1000': 'SL1', '0x200000': 'SL2', '0x40000000': 'SL3' })[size];

/** Both ends of every leaf, a write to it, and the page behind it where nothing is mapped. */
function expectationsOf(source: Source): { expectations: Expectation[]; gaps: number } {
  const { sid: sourceId, leaves = [] } = source;
  const mapped = new Set(leaves.map(([iova]) => BigInt(iova)));
  const expectations: Expectation[] = [];
  let gaps = 0;
  leaves.forEach(([iova, physical, size, permissions], index) => {
    const base = BigInt(iova);
    const completed = (offset: bigint) => ({
      outcome: 'COMPLETED',
      physical: hex(BigInt(physical) + offset),
      pageSize: Number(size),
      access: accessOf(permissions),
    });
    for (const offset of [0n, BigInt(size) - 1n]) {
      const request = { sourceId, pasid: null, iova: hex(base + offset), access: 'read' };
      expectations.push({ request, expected: completed(offset) });
    }
    expectations.push({
      request: { sourceId, pasid: null, iova, access: 'write' },
      expected:
        permissions === 'rw' ? completed(0n) : { outcome: 'FAULTED', reason: 0x05, step: levelOf(size) },
    });
    const next = base + BigInt(size);
    const isLast = index === leaves.length - 1;
    // What follows the end of a list cut short is not known.
    if (mapped.has(next) || isInterrupt(next) || (isLast && source.truncated === true)) return;
    gaps++;
    expectations.push({
      request: { sourceId, pasid: null, iova: hex(next), access: 'read' },
      expected: expect.objectContaining({
        outcome: 'FAULTED',
        reason: next >> BigInt(30 + 9 * source.aw) === 0n ? 0x06 : 0x04,
      }),
    });
  });
  if (source.tt === 2) {
    expectations.push({
      request: { sourceId, pasid: null, iova: '0x12345678', access: 'write' },
      expected: { outcome: 'COMPLETED', physical: '0x12345678', pageSize: 0, access: ['READ', 'WRITE'] },
    });
  }
  return { expectations, gaps };
}

/** Asks everything at once and lists what differs; a matcher for each would take longer than the walks. */
async function compare(directory: string, expectations: readonly Expectation[]): Promise<void> {
  const answers = await askWalk(
    directory,
    expectations.map(({ request }) => request),
  );
  const differing = expectations
    .map(({ request, expected }, index) => ({ request, expected, answer: answers[index] }))
    .filter(({ expected, answer }) => !isSame(expected, answer));
  expect(differing).toEqual([]);
}

function isSame(expected: unknown, answer: unknown): boolean {
  const matcher = expected as { asymmetricMatch?: (other: unknown) => boolean };
  return matcher.asymmetricMatch?.(answer) ?? JSON.stringify(expected) === JSON.stringify(answer);
}

/** A function behind the PCIe-to-PCI bridge of the capture reaches the unit as device 0 of its bus. */
function sourceIdOf(bdf: string): string {
  return bdf.startsWith('0000:04:') ? '0000:04:00.0' : bdf;
}

function expectedOf(probe: Probe): { expected: unknown; departure: Departure | null } {
  const departure = DEPARTURES.find(({ covers }) => covers(probe)) ?? null;
  if (departure !== null) {
    const step = levelOf(probe.walker.page_size);
    return { expected: { ...(departure.answer as object), step }, departure };
  }
  if (probe.faulted) {
    const reason = Number(/fault (\d+)/.exec(probe.qemu_faults[0])?.[1]);
    return { expected: expect.objectContaining({ outcome: 'FAULTED', reason }), departure };
  }
  const { hpa, page_size, perm } = probe.walker;
  const access = accessOf(perm);
  const expected = { outcome: 'COMPLETED', physical: hpa, pageSize: Number(page_size), access };
  return { expected, departure };
}

const CAPTURES = ['mem-legacy39', 'mem-legacy48'];

evidenceTest('memory', 'no capture is left out', () => {
  expect(readdirSync(join(EVIDENCE, 'memory')).sort()).toEqual(CAPTURES);
});

describe.each(CAPTURES)('walk over a running kernel: %s', (name) => {
  const capture = `memory/${name}`;

  describe.each(['', '/after-close'])('dump%s', (moment) => {
    evidenceTest(capture + moment, 'every leaf, and what lies behind it', async () => {
      const sources = readJson<Source[]>(capture + moment, 'expected.json');
      const all = sources.map(expectationsOf);
      const expectations = all.flatMap((each) => each.expectations);
      await compare(join(EVIDENCE, capture + moment), expectations);
      const leaves = sources.reduce((sum, source) => sum + (source.leaves?.length ?? 0), 0);
      const gaps = all.reduce((sum, each) => sum + each.gaps, 0);
      expect(leaves).toBeGreaterThan(0);
      process.stdout.write(
        `walk ${name}${moment}: ${sources.length} sources, ${leaves} leaves, ${gaps} gaps, ` +
          `${expectations.length} requests\n`,
      );
    });
  });

  evidenceTest(capture, 'every probe of a real device', async () => {
    const probes = readJsonLines<Probe>(capture, 'probes.jsonl');
    const cases = probes.map((probe) => {
      const { bdf, iova, access } = probe;
      return { request: { sourceId: sourceIdOf(bdf), pasid: null, iova, access }, ...expectedOf(probe) };
    });
    await compare(join(EVIDENCE, capture), cases);
    const departed = cases.filter(({ departure }) => departure !== null);
    expect(departed).toHaveLength(2);
    process.stdout.write(
      `walk ${name}: ${probes.length} probes, ${probes.length - departed.length} agree; departures: ` +
        DEPARTURES.map((each) => {
          const times = departed.filter(({ departure }) => departure === each).length;
          return `${times} times ${each.name}, because ${each.reason}\n`;
        }).join(''),
    );
  });
});
