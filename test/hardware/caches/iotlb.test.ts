import fc from 'fast-check';
import { u64, u64FromPfn } from '../../../src/bits/u64.js';
import { Iotlb } from '../../../src/hardware/caches/iotlb.js';
import { IOTLB_FLAG, IOTLB_WORD, requestTagOf } from '../../../src/hardware/caches/iotlb-words.js';

interface Filling {
  readonly sourceId?: number;
  readonly requestPasid?: number | null;
  readonly pasid?: number;
  readonly domainId?: number;
  readonly type?: number;
  readonly pfn: number;
  readonly pageSize?: number;
  readonly physicalHi?: number;
  readonly physicalLo?: number;
}

const SECOND = 2;
const FIRST = 1;
const NESTED = 3;

function fill(iotlb: Iotlb, filling: Filling): void {
  const { sourceId = 0x6a08, requestPasid = null, pasid = 0, domainId = 0x10, type = SECOND, pfn } = filling;
  const { hi, lo } = u64FromPfn(pfn);
  iotlb.insert({
    sourceId,
    requestTag: requestTagOf(requestPasid),
    pasid,
    domainId,
    type,
    hi: hi | 0,
    lo: lo | 0,
    pageSize: filling.pageSize ?? 4096,
    physicalHi: filling.physicalHi ?? 0x1,
    physicalLo: filling.physicalLo ?? 0x40000000,
    flags: IOTLB_FLAG.USER_READ | IOTLB_FLAG.USER_WRITE,
  });
}

function holds(iotlb: Iotlb, pfn: number, sourceId = 0x6a08, requestPasid: number | null = null): boolean {
  const { hi, lo } = u64FromPfn(pfn);
  return iotlb.find(sourceId, requestTagOf(requestPasid), hi | 0, lo | 0) >= 0;
}

/** E1 to E6 of the invalidation scenarios. */
function sixEntries(): Iotlb {
  const iotlb = new Iotlb();
  fill(iotlb, { pfn: 0x5 });
  fill(iotlb, { requestPasid: 5, pasid: 5, domainId: 0x20, type: FIRST, pfn: 0x7f1234567 });
  fill(iotlb, { requestPasid: 6, pasid: 6, domainId: 0x30, type: NESTED, pfn: 0x7f1234567 });
  fill(iotlb, { requestPasid: 0x47, pasid: 0x47, domainId: 0x77, pfn: 0x5 });
  fill(iotlb, { requestPasid: 5, pasid: 5, domainId: 0x20, type: FIRST, pfn: 0x7f1234568 });
  fill(iotlb, { pfn: 0x2ab, pageSize: 0x200000 });
  return iotlb;
}

function survivors(iotlb: Iotlb): string[] {
  const present = [
    holds(iotlb, 0x5),
    holds(iotlb, 0x7f1234567, 0x6a08, 5),
    holds(iotlb, 0x7f1234567, 0x6a08, 6),
    holds(iotlb, 0x5, 0x6a08, 0x47),
    holds(iotlb, 0x7f1234568, 0x6a08, 5),
    holds(iotlb, 0x300),
  ];
  return present.flatMap((is, index) => (is ? [`E${index + 1}`] : []));
}

describe('IOTLB invalidation: who survives', () => {
  test.each([
    ['S66 global', (i: Iotlb) => i.invalidateAll(), []],
    ['S67 domain 0x10', (i: Iotlb) => i.invalidateDomain(0x10), ['E2', 'E3', 'E4', 'E5']],
    ['S68 page 0x5', (i: Iotlb) => i.invalidatePages(0x10, 5, 0, false), ['E2', 'E3', 'E4', 'E5', 'E6']],
    [
      'S69 page in a 2 MiB entry',
      (i: Iotlb) => i.invalidatePages(0x10, 0x300, 0, false),
      ['E1', 'E2', 'E3', 'E4', 'E5'],
    ],
    [
      'S70 page, first-stage domain',
      (i: Iotlb) => i.invalidatePages(0x20, 1, 0, false),
      ['E1', 'E3', 'E4', 'E6'],
    ],
    [
      'S71 page in PASID 5',
      (i: Iotlb) => i.invalidatePasidPages(0x20, 5, 0x7f1234567, 0, false),
      ['E1', 'E3', 'E4', 'E5', 'E6'],
    ],
    [
      'S72 16 pages in PASID 5',
      (i: Iotlb) => i.invalidatePasidPages(0x20, 5, 0x7f1234560, 4, false),
      ['E1', 'E3', 'E4', 'E6'],
    ],
    ['S73 PASID 5', (i: Iotlb) => i.invalidatePasid(0x20, 5), ['E1', 'E3', 'E4', 'E6']],
    [
      'S74 PASID 0x47, second-stage',
      (i: Iotlb) => i.invalidatePasid(0x77, 0x47),
      ['E1', 'E2', 'E3', 'E5', 'E6'],
    ],
    [
      'S75 page in PASID 0, second-stage',
      (i: Iotlb) => i.invalidatePasidPages(0x10, 0, 5, 0, false),
      ['E1', 'E2', 'E3', 'E4', 'E5', 'E6'],
    ],
  ] as const)('%s', (_name, invalidate, expected) => {
    const iotlb = sixEntries();
    expect(invalidate(iotlb)).toBe(6 - expected.length);
    expect(survivors(iotlb)).toEqual(expected);
  });

  test('a range ignores address bits below its size', () => {
    const iotlb = sixEntries();
    expect(iotlb.invalidatePages(0x10, 0x7, 3, false)).toBe(1);
    expect(iotlb.invalidatePages(0x10, 0x3ff, 9, false)).toBe(1);
  });

  test('a mask of 52 or more covers the whole space', () => {
    expect(sixEntries().invalidatePasidPages(0x20, 5, 0, 63, false)).toBe(2);
  });
});

describe('IOTLB lookup', () => {
  test('sources, PASIDs, no PASID and PASID 0 are all different', () => {
    const iotlb = new Iotlb();
    fill(iotlb, { pfn: 0x1000, requestPasid: 0 });
    expect(holds(iotlb, 0x1000, 0x6a08, 0)).toBe(true);
    expect(holds(iotlb, 0x1000)).toBe(false);
    expect(holds(iotlb, 0x1000, 0x6a09, 0)).toBe(false);
    expect(holds(iotlb, 0x1000, 0x7a08, 0)).toBe(false);
    expect(holds(iotlb, 0x1000, 0x6a08, 1)).toBe(false);
  });

  test('a 1 GiB entry answers for its last page and not for the next', () => {
    const iotlb = new Iotlb();
    fill(iotlb, { pfn: 0x40000 * 5 + 123, pageSize: 0x40000000 });
    expect(holds(iotlb, 0x40000 * 6 - 1)).toBe(true);
    expect(holds(iotlb, 0x40000 * 6)).toBe(false);
    expect(holds(iotlb, 0x40000 * 5 - 1)).toBe(false);
  });

  test('an entry is refilled in place', () => {
    const iotlb = new Iotlb();
    fill(iotlb, { pfn: 7 });
    fill(iotlb, { pfn: 7, domainId: 0x99 });
    expect([...iotlb.entries()].map(({ domainId }) => domainId)).toEqual([0x99]);
  });

  test('what was put in is what is shown', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.option(fc.integer({ min: 0, max: 0xfffff })),
        fc.integer({ min: 0, max: 2 ** 52 - 1 }),
        fc.integer({ min: 0, max: 0xffff }),
        (sourceId, requestPasid, pfn, domainId) => {
          const iotlb = new Iotlb();
          fill(iotlb, { sourceId, requestPasid, pfn, domainId });
          const [entry] = [...iotlb.entries()];
          expect(entry).toMatchObject({
            sourceId,
            pasid: requestPasid,
            domainId,
            pageSize: 4096,
            type: SECOND,
          });
          expect(entry.address).toEqual(u64FromPfn(pfn));
          expect(entry.target).toBe(0x140000000);
          expect(holds(iotlb, pfn, sourceId, requestPasid)).toBe(true);
          expect(iotlb.invalidatePages(domainId, pfn, 0, false)).toBe(1);
        },
      ),
    );
  });

  test('never holds more than its 1024 entries, and the newest is always among them', () => {
    const iotlb = new Iotlb();
    for (let pfn = 0; pfn < 5000; pfn++) {
      fill(iotlb, { pfn, sourceId: pfn & 0xff });
      expect(holds(iotlb, pfn, pfn & 0xff)).toBe(true);
    }
    const { length } = [...iotlb.entries()];
    expect(length).toBeLessThanOrEqual(1024);
    expect(iotlb.invalidateAll()).toBe(length);
    expect([...iotlb.entries()]).toEqual([]);
  });

  test('256 neighbouring pages of four sources are all held', () => {
    const iotlb = new Iotlb();
    for (let pfn = 0x12300; pfn < 0x12400; pfn++)
      for (const sourceId of [0x6a00, 0x6a08, 0x6b00, 0x1234]) fill(iotlb, { pfn, sourceId });
    expect([...iotlb.entries()].length).toBe(1024);
  });

  test('the host address is the page plus the offset of the request', () => {
    const iotlb = new Iotlb();
    fill(iotlb, { pfn: 0x200, pageSize: 0x200000 });
    const { hi, lo } = u64(0, 0x234567);
    const at = iotlb.find(0x6a08, 0, hi, lo);
    const low = iotlb.physicalLoAt(at) | (lo & iotlb.offsetMaskAt(at));
    expect([iotlb.physicalHiAt(at), low]).toEqual([1, 0x40034567]);
  });

  test('a host frame of all 40 bits is kept, and its entry marked for what reads only 32 of them', () => {
    const iotlb = new Iotlb();
    fill(iotlb, { pfn: 3, pasid: 0xfffff, physicalHi: 0xfffff, physicalLo: 0xfffff000 | 0 });
    const [entry] = [...iotlb.entries()];
    expect(entry.target).toBe(0xffffffffff000);
    const at = iotlb.find(0x6a08, 0, 0, 0x3000);
    expect([iotlb.physicalHiAt(at), iotlb.physicalLoAt(at)]).toEqual([0xfffff, 0xfffff000 | 0]);
    expect(iotlb.words[at + IOTLB_WORD.FLAGS] & IOTLB_FLAG.FAR).not.toBe(0);
    expect(iotlb.invalidatePasid(0x10, 0xfffff)).toBe(1);
  });
});
