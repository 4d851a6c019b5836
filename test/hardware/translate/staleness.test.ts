import { legacyBench, legacyRequest } from '../../support/hardware/fixture-legacy.js';
import {
  FIRST_STAGE,
  VIRTUAL_ADDRESS,
  scalableBench,
  scalableRequest,
} from '../../support/hardware/fixture-scalable.js';

const secondStage = (fields = {}) => scalableRequest({ address: '0x5123', ...fields });
const firstStage = (fields = {}) => scalableRequest({ address: VIRTUAL_ADDRESS, pasid: 5, ...fields });
const LEAF = 0x43028;

describe('what a unit remembers', () => {
  test('a translation stays after its entry is gone, until it is invalidated', () => {
    const bench = scalableBench();
    expect(bench.unit.translate(secondStage())).toMatchObject({ physical: 0xabc5123, cached: false });
    bench.store(LEAF, '0x0');
    expect(bench.unit.translate(secondStage())).toMatchObject({ physical: 0xabc5123, cached: true });
    expect(bench.unit.trace(secondStage()).result).toMatchObject({ kind: 'BLOCKED', reason: 0x79 });
    bench.unit.caches.iotlb.invalidatePages(0x10, 5, 0, true);
    expect(bench.unit.translate(secondStage())).toMatchObject({ kind: 'BLOCKED', reason: 0x79 });
  });

  test('a page that was not present is found as soon as it is', () => {
    const bench = scalableBench();
    bench.store(LEAF, '0x0');
    expect(bench.unit.translate(secondStage())).toMatchObject({ reason: 0x79 });
    bench.store(LEAF, '0xABC5003');
    expect(bench.unit.translate(secondStage())).toMatchObject({ physical: 0xabc5123 });
  });

  test('caching mode remembers that a second-stage page was not present', () => {
    const bench = scalableBench({ cap: { CM: 1 } });
    bench.store(LEAF, '0x0');
    expect(bench.unit.translate(secondStage())).toMatchObject({ reason: 0x79 });
    bench.store(LEAF, '0xABC5003');
    expect(bench.unit.translate(secondStage())).toMatchObject({ reason: 0x79 });
    bench.unit.caches.iotlb.invalidatePages(0x10, 5, 0, true);
    expect(bench.unit.translate(secondStage())).toMatchObject({ physical: 0xabc5123 });
  });

  test('caching mode does not reach first-stage pages', () => {
    const bench = scalableBench({ cap: { CM: 1 } });
    bench.store(FIRST_STAGE.leaf, '0x0');
    expect(bench.unit.translate(firstStage())).toMatchObject({ reason: 0x71 });
    bench.store(FIRST_STAGE.leaf, '0xDEF0007');
    expect(bench.unit.translate(firstStage())).toMatchObject({ physical: 0xdef0890 });
  });

  test('caching mode remembers an absent context entry under domain id 0', () => {
    const bench = legacyBench({ cap: { CM: 1 } });
    bench.store(0x11100, '0x12000');
    expect(bench.unit.translate(legacyRequest())).toMatchObject({ reason: 2 });
    bench.store(0x11100, '0x12001');
    expect(bench.unit.translate(legacyRequest())).toMatchObject({ reason: 2 });
    expect(bench.unit.caches.context.invalidateDevice(0x10, 0, 0x42)).toBe(0);
    expect(bench.unit.caches.context.invalidateDevice(0x10, 0, 0)).toBe(1);
    expect(bench.unit.translate(legacyRequest())).toMatchObject({ kind: 'TRANSLATED' });
  });

  test('an access the cached entry does not permit goes back to the tables', () => {
    const bench = scalableBench();
    bench.store(LEAF, '0xABC5001');
    bench.unit.translate(secondStage());
    bench.store(LEAF, '0xABC5003');
    expect(bench.unit.translate(secondStage({ type: 'WRITE' }))).toMatchObject({
      physical: 0xabc5123,
      cached: false,
    });
    expect(bench.unit.translate(secondStage({ type: 'WRITE' }))).toMatchObject({ cached: true });
  });

  test('a write through an entry filled by a read still sets the dirty bit', () => {
    const bench = scalableBench();
    bench.unit.translate(firstStage());
    expect(bench.load(FIRST_STAGE.leaf)).toBe('0x000000000DEF0027');
    expect(bench.unit.translate(firstStage({ type: 'WRITE' }))).toMatchObject({ cached: false });
    expect(bench.load(FIRST_STAGE.leaf)).toBe('0x000000000DEF0067');
    expect(bench.unit.translate(firstStage({ type: 'WRITE' }))).toMatchObject({ cached: true });
  });

  test('a cached table of leaves is followed until an invalidation drops it', () => {
    const bench = scalableBench();
    bench.store(0x43030, '0xABC6003');
    bench.unit.translate(secondStage());
    bench.store(0x42000, '0x0');
    expect(bench.unit.translate(secondStage({ address: '0x6000' }))).toMatchObject({
      physical: 0xabc6000,
      cached: false,
    });
    bench.unit.caches.pagingStructure.invalidatePages(0x10, 7, 0, false);
    expect(bench.unit.translate(secondStage({ address: '0x7000' }))).toMatchObject({
      reason: 0x79,
      level: 'SL2',
    });
  });

  test('a PASID that changes from first to second stage is not walked through the old stage tables', () => {
    const bench = scalableBench();
    bench.unit.translate(firstStage({ address: VIRTUAL_ADDRESS }));
    bench.store(0x31140, '0x0000000000040089', '0x20', '0x0');
    bench.unit.caches.pasid.invalidatePasid(0x20, 5);
    expect(bench.unit.translate(firstStage({ address: '0x00007F1234568890' }))).toMatchObject({
      reason: 0x79,
    });
  });

  test('a stale PASID entry goes on translating after the directory is cut', () => {
    const bench = scalableBench();
    bench.unit.translate(firstStage());
    bench.store(0x30000, '0x0');
    const other = firstStage({ address: '0x00007F1234566000' });
    expect(bench.unit.translate(other)).toMatchObject({ reason: 0x71 });
    bench.unit.caches.pasid.invalidateAll();
    bench.clearFault();
    expect(bench.unit.translate(other)).toMatchObject({ reason: 0x51 });
  });

  test('a 2 MiB page that holds the interrupt range is cached 4 KiB at a time', () => {
    const bench = scalableBench();
    bench.store(0x42000 + 8 * 3, '0xFEE00083');
    bench.store(0x42000 + 8 * 4, '0xFEC00083');
    expect(bench.unit.translate(secondStage({ address: '0x700000' }))).toMatchObject({
      physical: 0xfef00000,
      pageSize: 4096,
    });
    expect(bench.unit.translate(secondStage({ address: '0x600000' }))).toMatchObject({ reason: 0x87 });
    expect(bench.unit.translate(secondStage({ address: '0x800000' }))).toMatchObject({ pageSize: 0x200000 });
  });
});
