import { expectFault, expectSilentBlock, expectTranslated } from '../../support/hardware/expectations.js';
import { LEGACY_IOVA, legacyBench, legacyRequest } from '../../support/hardware/fixture-legacy.js';

const PAGE = '0x0000004012345000';
const ROOT = 0x10000;
const CONTEXT = 0x11100;
const LEAF = 0x15a28;

describe('legacy translation (fixture L)', () => {
  test('S1: a read of the mapped page reaches its frame', () => {
    expectTranslated(legacyBench(), legacyRequest(), 0x7abcd678);
  });

  test('S2: a write to a read-only page is 0x05', () => {
    const bench = legacyBench();
    bench.store(LEAF, '0x7ABCD001');
    expectFault(bench, legacyRequest({ type: 'WRITE' }), {
      reason: 0x05,
      hi: '0x8000000500000010',
      lo: PAGE,
    });
  });

  test('S3: a read of a write-only page is 0x06', () => {
    const bench = legacyBench();
    bench.store(LEAF, '0x7ABCD002');
    expectFault(bench, legacyRequest(), { reason: 0x06, hi: '0xC000000600000010', lo: PAGE });
  });

  test('S4: an absent root entry is 0x01', () => {
    const bench = legacyBench();
    bench.store(ROOT, '0x11000');
    expectFault(bench, legacyRequest(), { reason: 0x01, hi: '0xC000000100000010', lo: PAGE });
  });

  test('S5: an absent context entry is 0x02', () => {
    const bench = legacyBench();
    bench.store(CONTEXT, '0x12000');
    expectFault(bench, legacyRequest(), { reason: 0x02, hi: '0xC000000200000010', lo: PAGE });
  });

  test('S6: FPD of an absent context entry suppresses the record', () => {
    const bench = legacyBench();
    bench.store(CONTEXT, '0x12002');
    expectSilentBlock(bench, legacyRequest(), 0x02);
  });

  test('S7: reserved bit 4 of a context entry is 0x0B', () => {
    const bench = legacyBench();
    bench.store(CONTEXT, '0x12011');
    expectFault(bench, legacyRequest(), { reason: 0x0b, hi: '0xC000000B00000010', lo: PAGE });
  });

  test('S8: an address width outside SAGAW is 0x03', () => {
    const bench = legacyBench();
    bench.store(CONTEXT + 8, '0x4203');
    expectFault(bench, legacyRequest(), { reason: 0x03, hi: '0xC000000300000010', lo: PAGE });
  });

  test('S9: translation type 11 is 0x03', () => {
    const bench = legacyBench();
    bench.store(CONTEXT, '0x1200D');
    expectFault(bench, legacyRequest(), { reason: 0x03 });
  });

  test('S10: an address above the guest width is 0x04 and its high bits are not recorded', () => {
    expectFault(legacyBench(), legacyRequest({ address: '0x0001000000000000' }), {
      reason: 0x04,
      hi: '0xC000000400000010',
      lo: '0x0000000000000000',
    });
  });

  test('S11: a 2 MiB leaf passes 21 bits of offset', () => {
    const bench = legacyBench();
    bench.store(0x14488, '0x40000083');
    expectTranslated(bench, legacyRequest(), 0x40145678);
  });

  test('S12: bit 12 of a 2 MiB leaf is reserved', () => {
    const bench = legacyBench();
    bench.store(0x14488, '0x40001083');
    expectFault(bench, legacyRequest(), { reason: 0x0c, hi: '0xC000000C00000010', lo: PAGE });
  });

  test('S13: a 1 GiB leaf passes 30 bits of offset', () => {
    const bench = legacyBench();
    bench.store(0x13800, '0x80000083');
    expectTranslated(bench, legacyRequest(), 0x92345678);
  });

  test('S13: a 1 GiB leaf on a unit with 2 MiB pages only is 0x0C', () => {
    const bench = legacyBench({ cap: { SLLPS: 1 } });
    bench.store(0x13800, '0x80000083');
    expectFault(bench, legacyRequest(), { reason: 0x0c });
  });

  test('S14: an output in the interrupt range is 0x0E', () => {
    const bench = legacyBench();
    bench.store(LEAF, '0xFEE00003');
    expectFault(bench, legacyRequest(), { reason: 0x0e, hi: '0xC000000E00000010', lo: PAGE });
  });

  test('S15: translation type 10 passes the address through', () => {
    const bench = legacyBench();
    bench.store(CONTEXT, '0x12009');
    expectTranslated(bench, legacyRequest(), 0x4012345678);
  });

  test('S16: a translation request under translation type 00 is 0x0D', () => {
    expectFault(legacyBench(), legacyRequest({ addressType: 'TRANSLATION_REQUEST' }), {
      reason: 0x0d,
      hi: '0xD000000D00000010',
      lo: PAGE,
    });
  });

  // PP and PV of a record exist only on a unit that knows PASIDs, which in turn asks for scalable mode.
  test('S17: a request-with-PASID in legacy mode is 0x31', () => {
    const bench = legacyBench({ ecap: { SMTS: 1, SLTS: 1, PASID: 1, PSS: 0x13 } });
    expectFault(bench, legacyRequest({ pasid: 5 }), { reason: 0x31, hi: '0xC000053180000010', lo: PAGE });
  });

  test('S18: an address bit at the host address width is 0x0C', () => {
    const bench = legacyBench();
    bench.store(LEAF, '0x0000008000000003');
    expectFault(bench, legacyRequest(), { reason: 0x0c });
  });

  test('S19: bit 62 of a leaf is 0x0C', () => {
    const bench = legacyBench();
    bench.store(LEAF, '0x400000007ABCD003');
    expectFault(bench, legacyRequest(), { reason: 0x0c });
  });

  test('S20: bits 63 and 61:52 of a leaf are ignored', () => {
    const bench = legacyBench();
    bench.store(LEAF, '0xBFF000007ABCD003');
    expectTranslated(bench, legacyRequest(), 0x7abcd678);
  });

  test('S21: a read through an empty leaf is 0x06', () => {
    const bench = legacyBench();
    bench.store(LEAF, '0x0');
    expectFault(bench, legacyRequest(), { reason: 0x06 });
  });

  test('S22: a page-size bit in a level-4 entry is 0x0C', () => {
    const bench = legacyBench();
    bench.store(0x12000, '0x13083');
    expectFault(bench, legacyRequest(), { reason: 0x0c });
  });

  test('S23: with translation off every address passes and nothing faults', () => {
    const bench = legacyBench();
    bench.command('TE', false);
    bench.store(ROOT, '0x0');
    expectTranslated(bench, legacyRequest({ address: LEGACY_IOVA }), 0x4012345678);
  });
});
