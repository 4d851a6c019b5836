import fc from 'fast-check';
import { legacyBench, legacyRequest } from '../support/hardware/fixture-legacy.js';
import { type Bench, FRO, REGISTER } from '../support/hardware/unit-builder.js';
import { runs } from './runs.js';

const CASES = 500;

/** Primary fault logging as a list of rules. Spec: VT-d 7.2.1 "Primary Fault Logging". */
class RecorderModel {
  readonly held: (number | null)[];
  next = 0;
  overflow = false;
  /** Index valid while something is held. */
  index = 0;
  pending = false;
  masked = false;
  messages = 0;

  constructor(count: number) {
    this.held = new Array<number | null>(count).fill(null);
  }

  get status(): number {
    const ppf = this.held.some((held) => held !== null);
    return (this.overflow ? 1 : 0) | (ppf ? 2 : 0);
  }

  observable(): string {
    const index = (this.status & 2) !== 0 ? this.index : null;
    return JSON.stringify([this.status, index, this.pending, this.messages, this.held]);
  }

  fault(sourceId: number): void {
    const before = this.status;
    if (this.overflow) return;
    if (this.held[this.next] !== null) {
      this.overflow = true;
      return;
    }
    const wasIdle = (before & 2) === 0;
    this.held[this.next] = sourceId;
    if (wasIdle) this.index = this.next;
    this.next = (this.next + 1) % this.held.length;
    if (wasIdle && before === 0) this.raise();
  }

  clearRecord(index: number): void {
    this.held[index] = null;
    this.withdraw();
  }

  clearOverflow(): void {
    this.overflow = false;
    this.withdraw();
  }

  mask(on: boolean): void {
    this.masked = on;
    if (!on && this.pending) this.send();
  }

  private raise(): void {
    this.pending = true;
    if (!this.masked) this.send();
  }

  private send(): void {
    this.messages++;
    this.pending = false;
  }

  private withdraw(): void {
    if (this.status === 0) this.pending = false;
  }
}

type Step =
  | { readonly do: 'FAULT'; readonly sourceId: number }
  | { readonly do: 'CLEAR_RECORD'; readonly index: number }
  | { readonly do: 'CLEAR_OVERFLOW' }
  | { readonly do: 'MASK'; readonly on: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('FAULT' as const), sourceId: fc.constantFrom(0x18, 0x20, 0x28) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('CLEAR_RECORD' as const), index: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'CLEAR_OVERFLOW' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('MASK' as const), on: fc.boolean() }) },
);

/** Everything software could see: status and index, pending event, messages sent, source of each held record. */
function observed(bench: Bench, count: number): string {
  const status = bench.faultStatus;
  const held = Array.from({ length: count }, (_, index) => {
    const hi = BigInt(bench.record(index).hi);
    return hi >> 63n === 0n ? null : Number(hi & 0xffffn);
  });
  const isPending = (bench.read32(REGISTER.FECTL) & 0x40000000) !== 0;
  const index = (status & 2) !== 0 ? status >>> 8 : null;
  return JSON.stringify([status & 0xff, index, isPending, bench.messages.length, held]);
}

function perform(bench: Bench, model: RecorderModel, each: Step): void {
  switch (each.do) {
    case 'FAULT':
      bench.unit.translate(legacyRequest({ sourceId: each.sourceId }));
      return model.fault(each.sourceId);
    case 'CLEAR_RECORD': {
      const index = each.index % model.held.length;
      bench.write32(FRO * 16 + index * 16 + 12, 0x80000000);
      return model.clearRecord(index);
    }
    case 'CLEAR_OVERFLOW':
      bench.write32(REGISTER.FSTS, 1);
      return model.clearOverflow();
    case 'MASK':
      bench.write32(REGISTER.FECTL, each.on ? 0x80000000 : 0);
      return model.mask(each.on);
  }
}

describe('fault recording and its twin', () => {
  test('agree on status, records, index and messages after any mix of faults and clears', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4), fc.array(step, { maxLength: 40 }), (count, steps) => {
        const bench = legacyBench({ cap: { NFR: count - 1 } });
        bench.write32(REGISTER.FECTL, 0);
        const model = new RecorderModel(count);
        for (const each of steps) {
          perform(bench, model, each);
          const [seen, foretold] = [observed(bench, model.held.length), model.observable()];
          if (seen !== foretold) throw new Error(`after ${JSON.stringify(each)}: ${seen}, not ${foretold}`);
        }
      }),
      runs(CASES),
    );
  });
});
