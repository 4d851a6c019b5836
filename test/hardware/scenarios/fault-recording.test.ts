import { legacyBench, legacyRequest } from '../../support/hardware/fixture-legacy.js';
import { type Bench, FRO, REGISTER } from '../../support/hardware/unit-builder.js';

const S2_RECORD = { hi: '0x8000000500000010', lo: '0x0000004012345000' };

/** Fixture L with an unmasked fault event and a read-only page. */
function bench(options: { NFR?: number; collapseFaults?: boolean } = {}): Bench {
  const made = legacyBench({
    cap: { NFR: options.NFR ?? 0 },
    collapseFaults: options.collapseFaults ?? false,
  });
  made.store(0x15a28, '0x7ABCD001');
  made.write32(REGISTER.FEDATA, 0x41);
  made.write32(REGISTER.FEADDR, 0xfee00000);
  made.write32(REGISTER.FECTL, 0);
  return made;
}

const writeToReadOnlyPage = (on: Bench) => on.unit.translate(legacyRequest({ type: 'WRITE' }));
/** A function without context entry. */
const faultOf = (on: Bench, sourceId: number) => on.unit.translate(legacyRequest({ sourceId }));
const sourceOf = (on: Bench, index: number) => Number(BigInt(on.record(index).hi) & 0xffffn);

describe('fault recording (fixture L)', () => {
  test('S58: the first fault sets PPF and sends one message', () => {
    const on = bench();
    writeToReadOnlyPage(on);
    expect(on.faultStatus).toBe(0x2);
    expect(on.messages).toEqual([{ address: '0x00000000FEE00000', data: 0x41 }]);
    expect(on.record()).toEqual(S2_RECORD);
  });

  test('S59: a second source before software acts overflows without a second message', () => {
    const on = bench();
    writeToReadOnlyPage(on);
    expect(faultOf(on, 0x18)).toMatchObject({ kind: 'BLOCKED', reason: 0x02, recorded: false });
    expect(on.faultStatus).toBe(0x3);
    expect(on.record()).toEqual(S2_RECORD);
    expect(on.messages).toHaveLength(1);
  });

  test('S60: the same source again is collapsed by a part that collapses and overflows on one that does not', () => {
    const collapsing = bench({ collapseFaults: true });
    writeToReadOnlyPage(collapsing);
    writeToReadOnlyPage(collapsing);
    expect(collapsing.faultStatus).toBe(0x2);
    const plain = bench();
    writeToReadOnlyPage(plain);
    writeToReadOnlyPage(plain);
    expect(plain.faultStatus).toBe(0x3);
  });

  test('S61: clearing F drops PPF by itself', () => {
    const on = bench();
    writeToReadOnlyPage(on);
    on.write32(FRO * 16 + 12, 0x80000000);
    expect(on.read32(FRO * 16 + 12) >>> 31).toBe(0);
    expect(on.faultStatus).toBe(0);
  });

  test('S62: clearing PFO alone frees no record', () => {
    const on = bench();
    writeToReadOnlyPage(on);
    faultOf(on, 0x18);
    on.write32(REGISTER.FSTS, 1);
    expect(on.faultStatus).toBe(0x2);
    expect(faultOf(on, 0x18)).toMatchObject({ recorded: false });
    expect(on.record()).toEqual(S2_RECORD);
  });

  test('S63: a masked event stays pending and is sent when the mask goes', () => {
    const on = bench();
    on.write32(REGISTER.FECTL, 0x80000000);
    writeToReadOnlyPage(on);
    expect(on.read32(REGISTER.FECTL)).toBe(0xc0000000);
    expect(on.messages).toEqual([]);
    on.write32(REGISTER.FECTL, 0);
    expect(on.messages).toEqual([{ address: '0x00000000FEE00000', data: 0x41 }]);
    expect(on.read32(REGISTER.FECTL)).toBe(0);
  });

  test('S64: four records take four faults, the fifth overflows, FRI stays at the first', () => {
    const on = bench({ NFR: 3 });
    writeToReadOnlyPage(on);
    faultOf(on, 0x18);
    faultOf(on, 0x20);
    expect([0, 1, 2].map((index) => sourceOf(on, index))).toEqual([0x10, 0x18, 0x20]);
    expect(on.faultStatus).toBe(0x2);
    expect(on.messages).toHaveLength(1);
    faultOf(on, 0x28);
    expect(sourceOf(on, 3)).toBe(0x28);
    expect(on.faultStatus).toBe(0x2);
    faultOf(on, 0x30);
    expect(on.faultStatus).toBe(0x3);
  });

  test('S65: records are taken in turn even when an earlier one is free', () => {
    const on = bench({ NFR: 3 });
    writeToReadOnlyPage(on);
    faultOf(on, 0x18);
    faultOf(on, 0x20);
    on.write32(FRO * 16 + 12, 0x80000000);
    faultOf(on, 0x28);
    expect(sourceOf(on, 3)).toBe(0x28);
    expect(on.faultStatus).toBe(0x2);
    faultOf(on, 0x30);
    expect(sourceOf(on, 0)).toBe(0x30);
  });
});
