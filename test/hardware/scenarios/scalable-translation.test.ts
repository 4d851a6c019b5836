import { expectFault, expectSilentBlock, expectTranslated } from '../../support/hardware/expectations.js';
import {
  FIRST_STAGE,
  scalableBench,
  scalableRequest,
  UPPER_SID,
  VIRTUAL_ADDRESS,
} from '../../support/hardware/fixture-scalable.js';
import type { Bench } from '../../support/hardware/unit-builder.js';

const VA_PAGE = '0x00007F1234567000';
const CONTEXT = 0x21100;
const LEAF_5 = 0x43028;

/** PASID 5 at the mapped virtual address. */
const firstStage = (fields = {}) => scalableRequest({ pasid: 5, address: VIRTUAL_ADDRESS, ...fields });
/** No PASID, at the page the second-stage tables map to 0xABC5000. */
const secondStage = (fields = {}) => scalableRequest({ address: '0x5123', ...fields });

/** Fixture S after some stores. */
function changed(...stores: [number, ...string[]][]): Bench {
  const bench = scalableBench();
  for (const [address, ...words] of stores) bench.store(address, ...words);
  return bench;
}

describe('scalable translation (fixture S)', () => {
  test('S24: a request without PASID uses RID_PASID, in both halves of the bus', () => {
    const bench = scalableBench();
    expectTranslated(bench, secondStage(), 0x0abc5123);
    expectTranslated(bench, secondStage({ sourceId: UPPER_SID }), 0x0abc5123);
  });

  test('S25: a first-stage read sets the accessed bit on every level', () => {
    const bench = scalableBench();
    expectTranslated(bench, firstStage(), 0x0def0890);
    expect(bench.load(FIRST_STAGE.leaf)).toBe('0x000000000DEF0027');
    expect(bench.load(FIRST_STAGE.level4)).toBe('0x0000000000051027');
    expect(bench.load(FIRST_STAGE.level3)).toBe('0x0000000000052027');
    expect(bench.load(FIRST_STAGE.level2)).toBe('0x0000000000053027');
  });

  test('S26: a first-stage write sets the dirty bit of the leaf', () => {
    const bench = scalableBench();
    expectTranslated(bench, firstStage({ type: 'WRITE' }), 0x0def0890);
    expect(bench.load(FIRST_STAGE.leaf)).toBe('0x000000000DEF0067');
  });

  test('S27: a nested read goes through both stages', () => {
    expectTranslated(scalableBench(), firstStage({ pasid: 6 }), 0x0abc5890);
  });

  test('S28: pass-through keeps the address', () => {
    expectTranslated(scalableBench(), scalableRequest({ pasid: 7, address: '0x12345000' }), 0x12345000);
  });

  test('S29: pass-through into the interrupt range is 0x87', () => {
    expectFault(scalableBench(), scalableRequest({ pasid: 7, address: '0xFEE00000' }), {
      reason: 0x87,
      hi: '0xC000078780006A08',
      lo: '0x00000000FEE00000',
    });
  });

  test('S30: sibling PASIDs map the same address to different frames', () => {
    const bench = scalableBench();
    expectTranslated(bench, scalableRequest({ pasid: 0x47, address: '0x5010' }), 0x0bcd5010);
    expectTranslated(bench, scalableRequest({ address: '0x5010' }), 0x0abc5010);
  });

  test('S31: an empty PASID entry is 0x59', () => {
    expectFault(scalableBench(), firstStage({ pasid: 8 }), {
      reason: 0x59,
      hi: '0xC000085980006A08',
      lo: VA_PAGE,
    });
  });

  test('S32: an absent directory entry is 0x51', () => {
    const fault = { reason: 0x51, hi: '0xC000805180006A08', lo: VA_PAGE };
    expectFault(scalableBench(), firstStage({ pasid: 0x80 }), fault);
  });

  test('S33: a PASID beyond the directory is 0x46', () => {
    const fault = { reason: 0x46, hi: '0xC020004680006A08', lo: VA_PAGE };
    expectFault(scalableBench(), firstStage({ pasid: 0x2000 }), fault);
  });

  test('S34: a request-with-PASID while PASIDE=0 is 0x45', () => {
    expectFault(changed([CONTEXT, '0x30001']), firstStage(), {
      reason: 0x45,
      hi: '0xC000054580006A08',
      lo: VA_PAGE,
    });
  });

  test('S35: an absent half of a root entry is 0x39', () => {
    const fault = { reason: 0x39, hi: '0xC000003900006A08', lo: '0x0000000000005000' };
    expectFault(changed([0x206a0, '0x21000']), secondStage(), fault);
  });

  test('S36: reserved bit 5 of a context entry is 0x42', () => {
    const fault = { reason: 0x42, hi: '0xC000004200006A08', lo: '0x0000000000005000' };
    expectFault(changed([CONTEXT, '0x30029']), secondStage(), fault);
  });

  test('S37: a RID_PASID beyond the directory is 0x43', () => {
    const fault = { reason: 0x43, hi: '0xC000004300006A08', lo: '0x0000000000005000' };
    expectFault(changed([CONTEXT + 8, '0x2000']), secondStage(), fault);
  });

  test('S37b: a request-with-PASID equal to RID_PASID is 0x48', () => {
    const fault = { reason: 0x48, hi: '0xC000004880006A08', lo: '0x0000000000005000' };
    expectFault(scalableBench(), secondStage({ pasid: 0 }), fault);
  });

  test('S37c: page requests enabled without a device TLB is 0x43', () => {
    const fault = { reason: 0x43, hi: '0xC000004300006A08', lo: '0x0000000000005000' };
    expectFault(changed([CONTEXT, '0x30019']), secondStage(), fault);
  });

  test('S38: a translation request needs DTE', () => {
    const translation = secondStage({ addressType: 'TRANSLATION_REQUEST' });
    const fault = { reason: 0x44, hi: '0xD000004400006A08', lo: '0x0000000000005000' };
    expectFault(scalableBench(), translation, fault);
    const allowed = changed([CONTEXT, '0x3000D']);
    // A completion carries the page; the offset of the request is the device's own business.
    expect(allowed.unit.translate(translation)).toMatchObject({
      kind: 'TRANSLATED',
      physical: 0x0abc5123,
      access: { read: true, write: true },
    });
  });

  test('S39: an unsupported translation type is 0x5B', () => {
    const fault = { reason: 0x5b, hi: '0xC000055B80006A08', lo: VA_PAGE };
    expectFault(changed([0x31140, '0x09']), firstStage(), fault);
  });

  test('S40: a non-canonical address is 0x80', () => {
    const fault = { reason: 0x80, hi: '0xC000058080006A08', lo: '0x0000800000000000' };
    expectFault(scalableBench(), firstStage({ address: '0x0000800000000000' }), fault);
  });

  test('S41: an unmapped first-stage address is 0x71', () => {
    const fault = { reason: 0x71, hi: '0xC000057180006A08', lo: '0x0000000000000000' };
    expectFault(scalableBench(), firstStage({ address: '0x0' }), fault);
  });

  test('S42: a user read of a supervisor page is 0x81', () => {
    const fault = { reason: 0x81, hi: '0xC000058180006A08', lo: VA_PAGE };
    expectFault(changed([FIRST_STAGE.leaf, '0xDEF0003']), firstStage(), fault);
  });

  test('S43: a user write to a read-only page is 0x85', () => {
    const fault = { reason: 0x85, hi: '0x8000058580006A08', lo: VA_PAGE };
    expectFault(changed([FIRST_STAGE.leaf, '0xDEF0005']), firstStage({ type: 'WRITE' }), fault);
  });

  test('S44: a supervisor write obeys SRE and WPE', () => {
    const write = firstStage({ type: 'WRITE', privileged: true });
    const leaf: [number, string] = [FIRST_STAGE.leaf, '0xDEF0005'];
    expectTranslated(changed(leaf, [0x31150, '0x50021']), write, 0x0def0890);
    expectFault(changed(leaf, [0x31150, '0x50031']), write, {
      reason: 0x85,
      hi: '0x80000585A0006A08',
      lo: VA_PAGE,
    });
    expectFault(changed(leaf), write, { reason: 0x5d });
  });

  test('S45: a first-stage 2 MiB leaf, and its reserved bit 13', () => {
    expectTranslated(changed([FIRST_STAGE.level2, '0xDE00087']), firstStage(), 0xdf67890);
    expectFault(changed([FIRST_STAGE.level2, '0xDE02087']), firstStage(), { reason: 0x72 });
  });

  test('S46: an empty second-stage entry is 0x79', () => {
    const fault = { reason: 0x79, hi: '0xC000007900006A08', lo: '0x0000000000007000' };
    expectFault(scalableBench(), secondStage({ address: '0x7000' }), fault);
  });

  test('S47: a write to a read-only second-stage page is 0x85', () => {
    const fault = { reason: 0x85, hi: '0x8000008500006A08', lo: '0x0000000000005000' };
    expectFault(changed([LEAF_5, '0xABC5001']), secondStage({ type: 'WRITE' }), fault);
  });

  test('S48: a read of a write-only second-stage page is 0x86', () => {
    const fault = { reason: 0x86, hi: '0xC000008600006A08', lo: '0x0000000000005000' };
    expectFault(changed([LEAF_5, '0xABC5002']), secondStage(), fault);
  });

  test('S49: a second-stage address above the guest width is 0x84 and its high bits are not recorded', () => {
    const fault = { reason: 0x84, hi: '0xC000008400006A08', lo: '0x0000000000000000' };
    expectFault(scalableBench(), secondStage({ address: '0x0001000000000000' }), fault);
  });

  test('S50: a first-stage table the second stage will not let it read is 0x76, the top one 0x75', () => {
    expectFault(changed([0x43010, '0x91002']), firstStage({ pasid: 6 }), { reason: 0x76 });
    expectFault(changed([0x43008, '0x90002']), firstStage({ pasid: 6 }), { reason: 0x75 });
  });

  test('S51: a guest address the second stage does not map is 0x79', () => {
    const fault = { reason: 0x79, hi: '0xC000067980006A08', lo: VA_PAGE };
    expectFault(changed([LEAF_5, '0x0']), firstStage({ pasid: 6 }), fault);
  });

  test('S53: an AtomicOp on a read-only page is 0x85', () => {
    const fault = { reason: 0x85, hi: '0xC000008510006A08', lo: '0x0000000000005000' };
    expectFault(changed([LEAF_5, '0xABC5001']), secondStage({ type: 'ATOMIC' }), fault);
  });

  test('S54: reserved bit 80 of a PASID entry is 0x5A', () => {
    const fault = { reason: 0x5a, hi: '0xC000055A80006A08', lo: VA_PAGE };
    expectFault(changed([0x31148, '0x10020']), firstStage(), fault);
  });

  test('S55: reserved bit 2 of a directory entry is 0x52', () => {
    expectFault(changed([0x30000, '0x31005']), firstStage(), {
      reason: 0x52,
      hi: '0xC000055280006A08',
      lo: VA_PAGE,
    });
  });

  test('S56: FPD of an absent PASID entry suppresses the record', () => {
    expectSilentBlock(changed([0x31000 + 8 * 64, '0x02']), firstStage({ pasid: 8 }), 0x59);
  });
});
