import type { DmaRequest } from '../../../src/hardware/request.js';
import type { Bench } from './unit-builder.js';

/** The request goes through to this host address. */
export function expectTranslated(bench: Bench, request: DmaRequest, physical: number): void {
  expect(bench.unit.translate(request)).toMatchObject({ kind: 'TRANSLATED', physical });
  expect(bench.faultStatus).toBe(0);
}

interface ExpectedFault {
  readonly reason: number;
  /** Upper and lower word of the fault recording register. */
  readonly hi?: string;
  readonly lo?: string;
  readonly completion?: 'UNSUPPORTED_REQUEST' | 'COMPLETER_ABORT';
}

/** The request is refused and the first recording register says so, bit for bit. */
export function expectFault(bench: Bench, request: DmaRequest, expected: ExpectedFault): void {
  expect(bench.unit.translate(request)).toMatchObject({
    kind: 'BLOCKED',
    reason: expected.reason,
    completion: expected.completion ?? 'UNSUPPORTED_REQUEST',
    recorded: true,
  });
  const record = bench.record();
  expect(Number((BigInt(record.hi) >> 32n) & 0xffn)).toBe(expected.reason);
  if (expected.hi !== undefined) expect(record.hi).toBe(expected.hi);
  if (expected.lo !== undefined) expect(record.lo).toBe(expected.lo);
}

/** The request is refused and no register shows it. */
export function expectSilentBlock(bench: Bench, request: DmaRequest, reason: number): void {
  const control = bench.read32(0x38);
  expect(bench.unit.translate(request)).toMatchObject({ kind: 'BLOCKED', reason, recorded: false });
  expect(bench.faultStatus).toBe(0);
  expect(bench.record()).toEqual({ hi: '0x0000000000000000', lo: '0x0000000000000000' });
  expect(bench.read32(0x38)).toBe(control);
  expect(bench.messages).toEqual([]);
}
