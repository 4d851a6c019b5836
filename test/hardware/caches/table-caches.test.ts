import { ContextCache } from '../../../src/hardware/caches/context-cache.js';
import { PagingStructureCache } from '../../../src/hardware/caches/paging-structure-cache.js';
import { PasidCache } from '../../../src/hardware/caches/pasid-cache.js';

const ENTRY = Int32Array.from({ length: 16 }, (_, index) => index + 1);

describe('context cache', () => {
  function withFunctions(domainId: number | null): ContextCache {
    const cache = new ContextCache();
    for (let fn = 0; fn < 8; fn++) cache.insert(0x6a08 + fn, domainId, ENTRY, 0);
    return cache;
  }

  test.each([
    [0, 1],
    [1, 2],
    [2, 4],
    [3, 8],
  ])('function mask %i leaves %i functions of a device equal (S78, S79)', (mask, dropped) => {
    expect(withFunctions(null).invalidateDevice(0x6a08, mask, null)).toBe(dropped);
  });

  test('function mask 1 leaves out bit 2 of the source id', () => {
    const cache = withFunctions(null);
    cache.invalidateDevice(0x6a08, 1, null);
    expect([cache.find(0x6a08), cache.find(0x6a0c)]).toEqual([-1, -1]);
    expect(cache.find(0x6a09)).toBeGreaterThanOrEqual(0);
  });

  test('a legacy device request also compares the domain id', () => {
    const cache = withFunctions(0x42);
    expect(cache.invalidateDevice(0x6a08, 3, 0x43)).toBe(0);
    expect(cache.invalidateDevice(0x6a08, 3, 0x42)).toBe(8);
  });

  test('a domain request drops its domain only', () => {
    const cache = withFunctions(0x42);
    cache.insert(0x10, 0x43, ENTRY, 0);
    expect(cache.invalidateDomain(0x42)).toBe(8);
    expect([...cache.entries()]).toMatchObject([{ sourceId: 0x10, domainId: 0x43 }]);
  });

  test('shows two words of a legacy entry and four of a scalable one', () => {
    const cache = new ContextCache();
    cache.insert(0x10, 1, ENTRY, 0);
    cache.insert(0x11, null, ENTRY, 0);
    const bySource = new Map([...cache.entries()].map((entry) => [entry.sourceId, entry]));
    expect(bySource.get(0x10)?.words).toEqual([
      { hi: 2, lo: 1 },
      { hi: 4, lo: 3 },
    ]);
    expect(bySource.get(0x11)?.words).toHaveLength(4);
    expect(bySource.get(0x11)?.domainId).toBeNull();
  });

  test('is bounded', () => {
    const cache = new ContextCache();
    for (let sourceId = 0; sourceId < 1000; sourceId++) cache.insert(sourceId, 1, ENTRY, 0);
    expect(cache.invalidateAll()).toBe(256);
  });
});

describe('PASID cache', () => {
  function filled(): PasidCache {
    const cache = new PasidCache();
    cache.insert(0x6a08, 5, 0x20, ENTRY, false, 0);
    cache.insert(0x6a08, 6, 0x20, ENTRY, true, 0);
    cache.insert(0x6a08, 0x47, 0x77, ENTRY, false, 0);
    cache.insert(0x6a80, 5, 0x20, ENTRY, false, 0);
    return cache;
  }

  test('PASID within domain reaches every source that uses both (S76)', () => {
    const cache = filled();
    expect(cache.invalidatePasid(0x20, 5)).toBe(2);
    expect([...cache.entries()].map(({ pasid }) => pasid).sort()).toEqual([6, 0x47]);
  });

  test('a PASID with another domain id stays', () => {
    expect(filled().invalidatePasid(0x21, 5)).toBe(0);
  });

  test('domain and global (S77)', () => {
    const cache = filled();
    expect(cache.invalidateDomain(0x20)).toBe(3);
    expect(cache.invalidateAll()).toBe(1);
  });

  test('keeps the eight words and the FPD of the directory entry', () => {
    const cache = filled();
    const at = cache.find(0x6a08, 6);
    expect(cache.directoryFpdAt(at)).toBe(true);
    expect(cache.directoryFpdAt(cache.find(0x6a08, 5))).toBe(false);
    expect([...cache.entries()][0].words).toHaveLength(8);
  });
});

describe('paging-structure cache', () => {
  const tags = { sourceId: 0x6a08, requestTag: 0, pasid: 0, domainId: 0x10, hi: 0, lo: 0x5000 };
  const find = (cache: PagingStructureCache, isFirstStage = false) =>
    cache.find(0x6a08, 0, isFirstStage, 0, 0x1ff000);

  test('a table of leaves answers for 2 MiB, and for its own stage only', () => {
    const cache = new PagingStructureCache();
    cache.insert(tags, false, 0x43, 3);
    const at = find(cache);
    expect([cache.frameAt(at), cache.permissionsAt(at)]).toEqual([0x43, 3]);
    expect(find(cache, true)).toBe(-1);
    expect(cache.find(0x6a08, 0, false, 0, 0x200000)).toBe(-1);
  });

  test('frames above 2^32 are kept whole', () => {
    const cache = new PagingStructureCache();
    cache.insert({ ...tags, domainId: 0xffff }, true, 2 ** 39 + 5, 7);
    expect(cache.frameAt(find(cache, true))).toBe(2 ** 39 + 5);
    expect([...cache.entries()]).toMatchObject([{ domainId: 0xffff, target: (2 ** 39 + 5) * 4096 }]);
  });

  test('tables of 4 GiB next to each other of one requester leave each other in place', () => {
    const cache = new PagingStructureCache();
    const pieces = Array.from({ length: 2 ** 32 / 2 ** 21 }, (_, index) => index * 2 ** 21);
    pieces.forEach((lo, index) => cache.insert({ ...tags, lo }, false, 0x1000 + index, 3));
    const frames = pieces.map((lo) => cache.frameAt(cache.find(0x6a08, 0, false, 0, lo)));
    expect(frames).toEqual(pieces.map((_, index) => 0x1000 + index));
  });

  test('survives a page invalidation that says only leaves changed, and no other', () => {
    const cache = new PagingStructureCache();
    cache.insert(tags, false, 0x43, 3);
    expect(cache.invalidatePages(0x10, 5, 0, true)).toBe(0);
    expect(cache.invalidatePages(0x10, 0x200, 0, false)).toBe(0);
    expect(cache.invalidatePages(0x11, 5, 0, false)).toBe(0);
    expect(cache.invalidatePages(0x10, 5, 0, false)).toBe(1);
  });

  test('first-stage entries go with any page of their domain', () => {
    const cache = new PagingStructureCache();
    cache.insert(tags, true, 0x53, 7);
    expect(cache.invalidatePasidPages(0x10, 0, 0x200, 0, false)).toBe(0);
    expect(cache.invalidatePages(0x10, 0x200, 0, false)).toBe(1);
  });
});
