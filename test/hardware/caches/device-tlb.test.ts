import { DeviceTlb, type DeviceTlbEntry } from '../../../src/hardware/caches/device-tlb.js';
import { WHOLE_SPACE } from '../../../src/layout/invalidation/index.js';

function entry(fields: Partial<DeviceTlbEntry> = {}): DeviceTlbEntry {
  return {
    pasid: null,
    pfn: 0x10,
    pagesLg2: 0,
    targetPfn: 0x99,
    read: true,
    write: true,
    execute: false,
    privileged: false,
    ...fields,
  };
}

function filled(...entries: DeviceTlbEntry[]): DeviceTlb {
  const tlb = new DeviceTlb();
  entries.forEach((each) => tlb.insert(each));
  return tlb;
}

const pages = (tlb: DeviceTlb) => [...tlb.entries()].map(({ pasid, pfn }) => [pasid, pfn]);

describe('device TLB', () => {
  test('finds pages of every size, per PASID', () => {
    const large = entry({ pfn: 0x200, pagesLg2: 9, targetPfn: 0x4000 });
    const tlb = filled(entry(), large, entry({ pasid: 5, targetPfn: 0x77 }));
    expect(tlb.lookup(null, 0x10)?.targetPfn).toBe(0x99);
    expect(tlb.lookup(5, 0x10)?.targetPfn).toBe(0x77);
    expect(tlb.lookup(null, 0x3ff)).toBe(large);
    expect(tlb.lookup(null, 0x400)).toBeNull();
    expect(tlb.lookup(6, 0x10)).toBeNull();
  });

  test('an invalidation drops what overlaps its range, large pages included', () => {
    const tlb = filled(entry({ pfn: 0xf }), entry({ pfn: 0x10 }), entry({ pfn: 0x200, pagesLg2: 9 }));
    expect(tlb.invalidate({ pfn: 0x10, addressMask: 4 })).toBe(1);
    expect(tlb.invalidate({ pfn: 0x3ff, addressMask: 0 })).toBe(1);
    expect(pages(tlb)).toEqual([[null, 0xf]]);
  });

  test('an invalidation with PASID leaves other PASIDs and requests without PASID alone', () => {
    const tlb = filled(entry(), entry({ pasid: 5 }), entry({ pasid: 6 }));
    expect(tlb.invalidatePasid(5, WHOLE_SPACE)).toBe(1);
    expect(pages(tlb)).toEqual([
      [null, 0x10],
      [6, 0x10],
    ]);
    expect(tlb.invalidatePasid(null, WHOLE_SPACE)).toBe(1);
    expect(pages(tlb)).toEqual([[null, 0x10]]);
  });

  test('keeps 256 entries and gives up the oldest', () => {
    const tlb = new DeviceTlb();
    for (let pfn = 0; pfn < 257; pfn++) tlb.insert(entry({ pfn }));
    expect(tlb.lookup(null, 0)).toBeNull();
    expect(tlb.lookup(null, 256)).not.toBeNull();
    expect(tlb.clear()).toBe(256);
  });
});
