import { expectFault, expectTranslated } from '../../support/hardware/expectations.js';
import { scalableBench, scalableRequest, VIRTUAL_ADDRESS } from '../../support/hardware/fixture-scalable.js';
import type { Bench } from '../../support/hardware/unit-builder.js';

const CONTEXT = 0x21100;
const LEAF_5 = 0x43028;
const secondStage = (fields = {}) => scalableRequest({ address: '0x5123', ...fields });
const NOTHING = { hi: '0x0000000000000000', lo: '0x0000000000000000' };

function translationRequest(bench: Bench, address: string) {
  return bench.unit.translate(scalableRequest({ address, addressType: 'TRANSLATION_REQUEST' }));
}

describe('table modes, PASID width and translation requests (fixture S)', () => {
  test('S57: the reserved table mode refuses every request with 0x30, FPD or not', () => {
    const bench = scalableBench();
    bench.store(CONTEXT, '0x3000B');
    bench.setRootTable('0x20800');
    expectFault(bench, secondStage(), { reason: 0x30 });
    bench.clearFault();
    expectFault(bench, scalableRequest({ pasid: 5, address: VIRTUAL_ADDRESS }), { reason: 0x30 });
  });

  test('S57b: abort mode records 0x33 for every request without reading a table', () => {
    const bench = scalableBench({ ecap: { ADMS: 1 } });
    bench.store(CONTEXT, '0x3000B');
    bench.setRootTable('0x20C00');
    expectFault(bench, secondStage(), { reason: 0x33, hi: '0xC000003300006A08', lo: '0x0000000000005000' });
  });

  test('S57b: abort mode on a unit without ADMS is 0x30', () => {
    const bench = scalableBench();
    bench.setRootTable('0x20C00');
    expectFault(bench, secondStage(), { reason: 0x30 });
  });

  test('S57c: a PASID wider than PSS is 0x89', () => {
    const fault = { reason: 0x89, hi: '0xC004008980006A08', lo: '0x00007F1234567000' };
    expectFault(
      scalableBench({ ecap: { PSS: 9 } }),
      scalableRequest({ pasid: 0x400, address: VIRTUAL_ADDRESS }),
      fault,
    );
  });

  test('S57d: a translation request for an unmapped page succeeds with no permission, unrecorded', () => {
    const bench = scalableBench();
    bench.store(CONTEXT, '0x3000D');
    expect(translationRequest(bench, '0x7000')).toMatchObject({
      kind: 'EMPTY',
      reason: 0x79,
      recorded: false,
    });
    expect(bench.faultStatus).toBe(0);
    expect(bench.record()).toEqual(NOTHING);
  });

  test('S57e: a translation request for a read-only page carries R=1 W=0, unrecorded', () => {
    const bench = scalableBench();
    bench.store(CONTEXT, '0x3000D');
    bench.store(LEAF_5, '0xABC5001');
    const result = translationRequest(bench, '0x5123');
    expect(result).toMatchObject({
      kind: 'TRANSLATED',
      pageSize: 4096,
      access: { read: true, write: false },
    });
    expect(result).toHaveProperty('physical', 0xabc5123);
    expect(bench.faultStatus).toBe(0);
    expect(bench.record()).toEqual(NOTHING);
  });

  test('S57f: a read of the interrupt range is 0x29, FPD or not', () => {
    const bench = scalableBench();
    bench.store(CONTEXT, '0x3000B');
    expectFault(bench, secondStage({ address: '0xFEE00000' }), { reason: 0x29 });
    const high = BigInt(bench.record().hi);
    expect(high >> 63n).toBe(1n);
    expect(high & 0xffffn).toBe(0x6a08n);
  });

  /** Second-stage tables whose permissions sit in bits 61 and 62. */
  function withHighPermissionBits(rootTable: string): Bench {
    const bench = scalableBench({ ecap: { SSIRWS: 1 } });
    bench.store(0x40000, '0x6000000000041000');
    bench.store(0x41000, '0x6000000000042000');
    bench.store(0x42000, '0x6000000000043000');
    bench.store(LEAF_5, '0x200000000ABC5000');
    bench.setRootTable(rootTable);
    return bench;
  }

  test('S57g: SSIRWE moves the permissions of second-stage entries to bits 61 and 62', () => {
    const bench = withHighPermissionBits('0x20480');
    expectTranslated(bench, secondStage(), 0x0abc5123);
    const fault = { reason: 0x85, hi: '0x8000008500006A08', lo: '0x0000000000005000' };
    expectFault(bench, secondStage({ type: 'WRITE' }), fault);
  });

  test('S57h: without SSIRWE the same entries are not present', () => {
    expectFault(withHighPermissionBits('0x20400'), secondStage(), { reason: 0x79 });
  });
});
