import type { DeviceTlbEntry } from '../../../src/hardware/caches/device-tlb.js';
import { scalableBench } from '../../support/hardware/fixture-scalable.js';
import { type Bench, REGISTER } from '../../support/hardware/unit-builder.js';
import { word } from '../../support/hardware/words.js';

const DEVICE = 0x6a08;

const cachedPage = (pfn: number, pasid: number | null = null): DeviceTlbEntry => ({
  pasid,
  pfn,
  pagesLg2: 0,
  targetPfn: 0x1000 + pfn,
  read: true,
  write: true,
  execute: false,
  privileged: false,
});

/** Fixture S with a 256-bit queue and a device that keeps some translations. */
function benchWith(...entries: DeviceTlbEntry[]) {
  const bench = scalableBench();
  bench.startQueue('0x70801');
  const tlb = bench.addDeviceTlb(DEVICE);
  for (const entry of entries) tlb.insert(entry);
  const kept = () => [...tlb.entries()].map(({ pfn, pasid }) => [pfn, pasid]);
  return { bench, kept };
}

/** Remapping entry for requester 6a:01.0, vector in bits 23:16, APIC id 0. */
const entry = (vector: number) => '0x' + ((vector << 16) | 1).toString(16).padStart(16, '0');

function withInterruptTable(bench: Bench): void {
  for (let index = 0x1f; index <= 0x24; index++) {
    bench.store(0xa0000 + index * 16, entry(0x40 + index), '0x0000000000046A08');
  }
  bench.write64(REGISTER.IRTA, '0x00000000000A0007');
  bench.command('SIRTP');
  bench.command('IRE');
}

const vectorOf = (bench: Bench, index: number) => {
  const address = word('0x' + (0xfee00010 + index * 32).toString(16));
  const result = bench.unit.interruptRequest(DEVICE, address, 0);
  return result.kind === 'DELIVERED' ? result.vector : result;
};

describe('descriptors that reach beyond the unit (fixture S)', () => {
  test('S80: a device-TLB descriptor of the whole space empties the device', () => {
    const { bench, kept } = benchWith(cachedPage(0x10), cachedPage(0xfffff), cachedPage(0x7f1234567));
    bench.submit('0x00006A0800000003', '0x7FFFFFFFFFFFF001');
    expect(kept()).toEqual([]);
    expect(bench.faultStatus).toBe(0);
  });

  test('S81: trailing ones of the address give the size of a device-TLB range', () => {
    const { bench, kept } = benchWith(cachedPage(0xf), cachedPage(0x10), cachedPage(0x1f), cachedPage(0x20));
    bench.submit('0x00006A0800000003', '0x0000000000017001');
    expect(kept()).toEqual([
      [0xf, null],
      [0x20, null],
    ]);
  });

  test('S82: a PASID device-TLB descriptor drops one PASID of the device', () => {
    const { bench, kept } = benchWith(cachedPage(0x10, 5), cachedPage(0x7f1234567, 5), cachedPage(0x10, 6));
    bench.submit('0x000000056A080008', '0x7FFFFFFFFFFFF800');
    expect(kept()).toEqual([[0x10, 6]]);
  });

  test('S83: an interrupt-entry descriptor drops four indices', () => {
    const { bench } = benchWith();
    withInterruptTable(bench);
    const indices = [0x1f, 0x20, 0x21, 0x22, 0x23, 0x24];
    expect(indices.map((index) => vectorOf(bench, index))).toEqual([0x5f, 0x60, 0x61, 0x62, 0x63, 0x64]);
    for (const index of indices) bench.store(0xa0000 + index * 16, entry(0x80 + index));
    bench.submit('0x0000002010000014', '0x0000000000000000');
    expect(indices.map((index) => vectorOf(bench, index))).toEqual([0x5f, 0xa0, 0xa1, 0xa2, 0xa3, 0x64]);
  });

  test('S89: a page group response reaches the device with its group and code', () => {
    const { bench } = benchWith();
    const answers: object[] = [];
    bench.unit.onPageResponse = (response) => answers.push(response);
    bench.submit('0x000000056A080019', '0x000000000000001C');
    expect(answers).toEqual([{ sourceId: DEVICE, pasid: 5, groupIndex: 3, code: 0 }]);
    expect(bench.faultStatus).toBe(0);
  });
});
