import { REGISTER, type Bench } from '../support/hardware/unit-builder.js';
import { scalableBench, scalableRequest, VIRTUAL_ADDRESS } from '../support/hardware/fixture-scalable.js';
import type { PageRequest } from '../../src/hardware/page-requests.js';
import { word } from '../support/hardware/words.js';

function request(fields: Partial<PageRequest> = {}): PageRequest {
  return {
    sourceId: 0x6a08,
    pasid: 5,
    address: word(VIRTUAL_ADDRESS),
    read: true,
    write: false,
    execute: false,
    privileged: false,
    last: true,
    groupIndex: 3,
    ...fields,
  };
}

function bench(options: Parameters<typeof scalableBench>[0] = {}): Bench {
  const made = scalableBench(options);
  made.store(0x21100, '0x3001D');
  made.write64(REGISTER.PQA, '0x80000');
  return made;
}

describe('page requests', () => {
  test('are refused by a unit without them, and before a queue is set up', () => {
    expect(bench({ ecap: { PRS: 0 } }).unit.pageRequest(request())).toBe('ANSWERED_INVALID');
    const none = scalableBench();
    none.store(0x21100, '0x3001D');
    expect(none.unit.pageRequest(request())).toBe('ANSWERED_INVALID');
    expect(none.unit.pageRequest(request({ last: false }))).toBe('DROPPED');
  });

  test('to execute without reading are refused', () => {
    expect(bench().unit.pageRequest(request({ read: false, execute: true, write: true }))).toBe(
      'ANSWERED_INVALID',
    );
  });

  test('make the unit forget the page, so that the retry sees the new tables', () => {
    const b = bench();
    const dma = scalableRequest({ pasid: 5, address: VIRTUAL_ADDRESS });
    b.unit.translate(dma);
    expect(b.unit.translate(dma)).toMatchObject({ cached: true });
    expect(b.unit.pageRequest(request())).toBe('QUEUED');
    expect(b.unit.translate(dma)).toMatchObject({ cached: false });
  });

  test('of a second-stage PASID drop the page, of a nested one the domain', () => {
    const b = bench();
    const second = scalableRequest({ pasid: 0x47, address: '0x5123' });
    b.unit.translate(second);
    b.unit.pageRequest(request({ pasid: 0x47, address: word('0x5000') }));
    expect(b.unit.translate(second)).toMatchObject({ cached: false });
    const nested = scalableRequest({ pasid: 6, address: VIRTUAL_ADDRESS });
    b.unit.translate(nested);
    b.unit.pageRequest(request({ pasid: 6, address: word('0x9000') }));
    expect(b.unit.translate(nested)).toMatchObject({ cached: false });
  });

  test('as stop markers are queued like others, and lost without an answer', () => {
    const b = bench();
    const marker = request({ read: false, write: false });
    expect(b.unit.pageRequest(marker)).toBe('QUEUED');
    b.write64(REGISTER.PQH, '0x40');
    expect(b.unit.pageRequest(marker)).toBe('DROPPED');
  });

  test('without PASID carry none in the queue', () => {
    const b = bench();
    expect(b.unit.pageRequest(request({ pasid: null, address: word('0x5000') }))).toBe('QUEUED');
    expect(b.load(0x80000)).toBe('0x000000006A080001');
  });

  test('are stated as events, with what became of them', () => {
    const b = bench();
    b.unit.pageRequest(request());
    expect(b.events.at(-1)).toEqual({
      type: 'PAGE_REQUEST',
      unit: 'dmar0',
      sourceId: 0x6a08,
      pasid: 5,
      address: word(VIRTUAL_ADDRESS),
      read: true,
      write: false,
      last: true,
      groupIndex: 3,
      outcome: 'QUEUED',
    });
  });

  test('mask and unmask their event like the others', () => {
    const b = bench();
    b.write32(REGISTER.PEADDR, 0xfee02000);
    b.write32(REGISTER.PEDATA, 0x61);
    b.unit.pageRequest(request());
    expect(b.read32(REGISTER.PECTL)).toBe(0xc0000000);
    expect(b.messages).toEqual([]);
    b.write32(REGISTER.PECTL, 0);
    expect(b.messages).toEqual([{ address: '0x00000000FEE02000', data: 0x61 }]);
    expect(b.read32(REGISTER.PECTL)).toBe(0);
  });

  test('withdraw a pending event when software services them first', () => {
    const b = bench();
    b.unit.pageRequest(request());
    b.write32(REGISTER.PRS, 1);
    expect(b.read32(REGISTER.PECTL)).toBe(0x80000000);
    b.write32(REGISTER.PECTL, 0);
    expect(b.messages).toEqual([]);
  });
});
