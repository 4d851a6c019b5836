import type { PageRequest } from '../../../src/hardware/page-requests.js';
import { scalableBench, VIRTUAL_ADDRESS } from '../../support/hardware/fixture-scalable.js';
import { type Bench, REGISTER } from '../../support/hardware/unit-builder.js';
import { word } from '../../support/hardware/words.js';

const CONTEXT = 0x21100;
const EVENT = { address: '0x00000000FEE02000', data: 0x61 };

/** A read-write request of PASID 5 by 6a:01.0, last of group 3. */
function pageRequest(fields: Partial<PageRequest> = {}): PageRequest {
  return {
    sourceId: 0x6a08,
    pasid: 5,
    address: word(VIRTUAL_ADDRESS),
    read: true,
    write: true,
    execute: false,
    privileged: false,
    last: true,
    groupIndex: 3,
    ...fields,
  };
}

/** Fixture S with page requests enabled: a queue of one page at 0x80000 and an unmasked event. */
function queueBench(): Bench {
  const bench = scalableBench();
  bench.store(CONTEXT, '0x3001D');
  bench.write64(REGISTER.PQA, '0x80000');
  bench.write64(REGISTER.PQH, '0x0');
  bench.write64(REGISTER.PQT, '0x0');
  bench.write32(REGISTER.PEDATA, EVENT.data);
  bench.write32(REGISTER.PEADDR, 0xfee02000);
  bench.write32(REGISTER.PECTL, 0);
  return bench;
}

/** The queue when one more descriptor would make the tail meet the head. */
function fullBench(): Bench {
  const bench = queueBench();
  bench.write64(REGISTER.PQH, '0x20');
  return bench;
}

describe('page requests (fixture S)', () => {
  test('S52: a page request while PRE=0 is 0x47, recorded as a page request', () => {
    const bench = scalableBench();
    bench.write64(REGISTER.PQA, '0x80000');
    bench.unit.pageRequest(pageRequest({ write: false }));
    expect(bench.record()).toEqual({ hi: '0x8000054790006A08', lo: '0x00007F1234567000' });
  });

  test('S93: a page request is written at the tail and announced', () => {
    const bench = queueBench();
    expect(bench.unit.pageRequest(pageRequest())).toBe('QUEUED');
    expect([0, 8, 16, 24].map((offset) => bench.load(0x80000 + offset))).toEqual([
      '0x000000056A080101',
      '0x00007F123456701F',
      '0x0000000000000000',
      '0x0000000000000000',
    ]);
    expect(bench.read64(REGISTER.PQT)).toBe('0x0000000000000020');
    expect(bench.read32(REGISTER.PRS)).toBe(1);
    expect(bench.messages).toEqual([EVENT]);
  });

  test('S94: a request into a full queue overflows and is announced', () => {
    const bench = fullBench();
    bench.unit.pageRequest(pageRequest());
    expect(bench.read32(REGISTER.PRS)).toBe(2);
    expect(bench.load(0x80000)).toBe('0x0000000000000000');
    expect(bench.read64(REGISTER.PQT)).toBe('0x0000000000000000');
    expect(bench.messages).toEqual([EVENT]);
  });

  test('S94b: after an overflow the last of a group is answered Success and the rest dropped, silently', () => {
    const bench = fullBench();
    bench.unit.pageRequest(pageRequest());
    expect(bench.unit.pageRequest(pageRequest({ last: true }))).toBe('ANSWERED_SUCCESS');
    expect(bench.unit.pageRequest(pageRequest({ last: false }))).toBe('DROPPED');
    expect(bench.read32(REGISTER.PRS)).toBe(2);
    expect(bench.messages).toEqual([EVENT]);
  });

  test('S94c: a page request of an absent PASID is recorded and answered Invalid Request', () => {
    const bench = queueBench();
    expect(bench.unit.pageRequest(pageRequest({ pasid: 8, write: false }))).toBe('ANSWERED_INVALID');
    expect(bench.record()).toEqual({ hi: '0x8000085990006A08', lo: '0x00007F1234567000' });
    expect(bench.read64(REGISTER.PQT)).toBe('0x0000000000000000');
  });

  test('S95: a second request before software looks is queued without a new event', () => {
    const bench = queueBench();
    bench.unit.pageRequest(pageRequest());
    expect(bench.unit.pageRequest(pageRequest())).toBe('QUEUED');
    expect(bench.read64(REGISTER.PQT)).toBe('0x0000000000000040');
    expect(bench.messages).toEqual([EVENT]);
  });

  test('S96: software clears PPR after taking everything up to the tail', () => {
    const bench = queueBench();
    bench.unit.pageRequest(pageRequest());
    bench.write64(REGISTER.PQH, bench.unit.readRegister(REGISTER.PQT, 8));
    bench.write32(REGISTER.PRS, 1);
    expect(bench.read32(REGISTER.PRS)).toBe(0);
  });
});
