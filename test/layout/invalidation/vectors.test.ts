import { type U64, parseHex, toHex, u64 } from '../../../src/bits/u64.js';
import {
  CONTEXT_GRANULARITY,
  DESCRIPTOR_FIELDS,
  IOTLB_GRANULARITY,
  PAGE_RESPONSE,
  PASID_CACHE_GRANULARITY,
  PASID_IOTLB_GRANULARITY,
  WHOLE_SPACE,
  descriptorType,
  hasReservedBits,
  packContextCacheInvalidation,
  packDeviceTlbInvalidation,
  packInterruptEntryCacheInvalidation,
  packIotlbInvalidation,
  packPageGroupResponse,
  packPasidCacheInvalidation,
  packPasidDeviceTlbInvalidation,
  packPasidIotlbInvalidation,
  packWait,
  parseContextCacheInvalidation,
  parseDeviceTlbInvalidation,
  parseInterruptEntryCacheInvalidation,
  parseIotlbInvalidation,
  parsePageGroupResponse,
  parsePasidCacheInvalidation,
  parsePasidDeviceTlbInvalidation,
  parsePasidIotlbInvalidation,
  parseWait,
  reservedMasks,
} from '../../../src/layout/invalidation/index.js';

/** Words worked out by hand from the field positions of VT-d 6.5.2, without this project's packers. */
interface Vector {
  readonly what: string;
  readonly words: readonly [string, string];
  readonly type: number;
  readonly packed: readonly [U64, U64];
  readonly parsed: unknown;
  readonly content: unknown;
}

function vector<T>(
  what: string,
  type: number,
  low: string,
  high: string,
  pack: (content: T) => readonly [U64, U64],
  parse: (words: readonly U64[]) => T,
  content: T,
): Vector {
  const words: [string, string] = [low, high];
  return {
    what,
    type,
    words,
    packed: pack(content),
    parsed: parse(words.map((each) => parseHex(each)!)),
    content,
  };
}

const iotlb = (content: Partial<Parameters<typeof packIotlbInvalidation>[0]>) => ({
  granularity: IOTLB_GRANULARITY.PAGE,
  domainId: 0,
  drainReads: false,
  drainWrites: false,
  pfn: 0,
  addressMask: 0,
  keepStructure: false,
  ...content,
});
const wait = (content: Partial<Parameters<typeof packWait>[0]>) => ({
  interrupt: false,
  writeStatus: false,
  fence: false,
  drainPageRequests: false,
  statusData: 0,
  statusAddress: u64(0, 0),
  ...content,
});

const VECTORS: readonly Vector[] = [
  vector(
    'IOTLB, all',
    2,
    '0x12',
    '0x0',
    packIotlbInvalidation,
    parseIotlbInvalidation,
    iotlb({ granularity: 1 }),
  ),
  vector(
    'IOTLB, domain 0x10',
    2,
    '0x100022',
    '0x0',
    packIotlbInvalidation,
    parseIotlbInvalidation,
    iotlb({ granularity: 2, domainId: 0x10 }),
  ),
  vector(
    'IOTLB, page, drained',
    2,
    '0x1000f2',
    '0x5000',
    packIotlbInvalidation,
    parseIotlbInvalidation,
    iotlb({ domainId: 0x10, pfn: 5, drainReads: true, drainWrites: true }),
  ),
  vector(
    'IOTLB, 2^19 pages',
    2,
    '0x100032',
    '0x13',
    packIotlbInvalidation,
    parseIotlbInvalidation,
    iotlb({ domainId: 0x10, addressMask: 19 }),
  ),
  vector(
    'IOTLB, leaves only',
    2,
    '0x100032',
    '0x5040',
    packIotlbInvalidation,
    parseIotlbInvalidation,
    iotlb({ domainId: 0x10, pfn: 5, keepStructure: true }),
  ),
  vector(
    'PASID IOTLB, page',
    6,
    '0x500200036',
    '0x7f1234567000',
    packPasidIotlbInvalidation,
    parsePasidIotlbInvalidation,
    {
      granularity: PASID_IOTLB_GRANULARITY.PAGE,
      domainId: 0x20,
      pasid: 5,
      pfn: 0x7f1234567,
      addressMask: 0,
      keepStructure: false,
    },
  ),
  vector(
    'PASID IOTLB, 16 pages',
    6,
    '0x500200036',
    '0x7f1234560004',
    packPasidIotlbInvalidation,
    parsePasidIotlbInvalidation,
    {
      granularity: PASID_IOTLB_GRANULARITY.PAGE,
      domainId: 0x20,
      pasid: 5,
      pfn: 0x7f1234560,
      addressMask: 4,
      keepStructure: false,
    },
  ),
  vector(
    'PASID IOTLB, whole PASID',
    6,
    '0x4700770026',
    '0x0',
    packPasidIotlbInvalidation,
    parsePasidIotlbInvalidation,
    {
      granularity: PASID_IOTLB_GRANULARITY.PASID,
      domainId: 0x77,
      pasid: 0x47,
      pfn: 0,
      addressMask: 0,
      keepStructure: false,
    },
  ),
  vector(
    'PASID cache, one PASID',
    7,
    '0x500200017',
    '0x0',
    packPasidCacheInvalidation,
    parsePasidCacheInvalidation,
    { granularity: PASID_CACHE_GRANULARITY.PASID, domainId: 0x20, pasid: 5 },
  ),
  vector(
    'PASID cache, domain',
    7,
    '0x200007',
    '0x0',
    packPasidCacheInvalidation,
    parsePasidCacheInvalidation,
    { granularity: PASID_CACHE_GRANULARITY.DOMAIN, domainId: 0x20, pasid: 0 },
  ),
  vector('PASID cache, all', 7, '0x37', '0x0', packPasidCacheInvalidation, parsePasidCacheInvalidation, {
    granularity: PASID_CACHE_GRANULARITY.GLOBAL,
    domainId: 0,
    pasid: 0,
  }),
  vector(
    'context cache, device',
    1,
    '0x6a0800000031',
    '0x0',
    packContextCacheInvalidation,
    parseContextCacheInvalidation,
    { granularity: CONTEXT_GRANULARITY.DEVICE, domainId: 0, sourceId: 0x6a08, functionMask: 0 },
  ),
  vector(
    'context cache, all functions of a device',
    1,
    '0x36a0800000031',
    '0x0',
    packContextCacheInvalidation,
    parseContextCacheInvalidation,
    { granularity: CONTEXT_GRANULARITY.DEVICE, domainId: 0, sourceId: 0x6a08, functionMask: 3 },
  ),
  vector(
    'context cache, all',
    1,
    '0x11',
    '0x0',
    packContextCacheInvalidation,
    parseContextCacheInvalidation,
    { granularity: CONTEXT_GRANULARITY.GLOBAL, domainId: 0, sourceId: 0, functionMask: 0 },
  ),
  vector(
    'device-TLB, everything',
    3,
    '0x6a0800000003',
    '0x7ffffffffffff001',
    packDeviceTlbInvalidation,
    parseDeviceTlbInvalidation,
    { sourceId: 0x6a08, physicalFunctionSourceId: 0, maxPending: 0, range: WHOLE_SPACE },
  ),
  vector(
    'device-TLB, 64 KiB',
    3,
    '0x6a0800000003',
    '0x17001',
    packDeviceTlbInvalidation,
    parseDeviceTlbInvalidation,
    { sourceId: 0x6a08, physicalFunctionSourceId: 0, maxPending: 0, range: { pfn: 0x10, addressMask: 4 } },
  ),
  vector(
    'device-TLB, of a virtual function',
    3,
    '0x6a0' + '06a10' + '00018003',
    '0x5000',
    packDeviceTlbInvalidation,
    parseDeviceTlbInvalidation,
    { sourceId: 0x6a10, physicalFunctionSourceId: 0x6a08, maxPending: 1, range: { pfn: 5, addressMask: 0 } },
  ),
  vector(
    'PASID device-TLB, everything of PASID 5',
    8,
    '0x56a080008',
    '0x7ffffffffffff800',
    packPasidDeviceTlbInvalidation,
    parsePasidDeviceTlbInvalidation,
    {
      sourceId: 0x6a08,
      physicalFunctionSourceId: 0,
      maxPending: 0,
      pasid: 5,
      allPasids: false,
      range: WHOLE_SPACE,
    },
  ),
  vector(
    'interrupt entries 0x20 to 0x23',
    4,
    '0x2010000014',
    '0x0',
    packInterruptEntryCacheInvalidation,
    parseInterruptEntryCacheInvalidation,
    { selective: true, index: 0x20, indexMask: 2 },
  ),
  vector(
    'wait with status',
    5,
    '0xcafebabe00000025',
    '0x9000',
    packWait,
    parseWait,
    wait({ writeStatus: true, statusData: 0xcafebabe, statusAddress: u64(0, 0x9000) }),
  ),
  vector('wait with interrupt', 5, '0x15', '0x0', packWait, parseWait, wait({ interrupt: true })),
  vector('fence', 5, '0x45', '0x0', packWait, parseWait, wait({ fence: true })),
  vector('page group response', 9, '0x56a080019', '0x18', packPageGroupResponse, parsePageGroupResponse, {
    sourceId: 0x6a08,
    pasid: 5,
    groupIndex: 3,
    code: PAGE_RESPONSE.SUCCESS,
  }),
];

describe('invalidation descriptors', () => {
  test.each(VECTORS.map((each) => [each.what, each] as const))(
    '%s: packs to the words and back',
    (_, each) => {
      expect(each.packed.map(toHex)).toEqual(each.words.map((word) => toHex(parseHex(word)!)));
      expect(each.parsed).toEqual(each.content);
      expect(descriptorType(each.packed)).toBe(each.type);
    },
  );

  test('none of these words sets a reserved bit of its type', () => {
    for (const { what, packed, type } of VECTORS) {
      const fields = DESCRIPTOR_FIELDS.get(type)!;
      expect({ what, reserved: hasReservedBits(reservedMasks(fields), packed) }).toEqual({
        what,
        reserved: false,
      });
    }
  });

  test('the type has a second part in bits 11:9', () => {
    expect(descriptorType([u64(0, 0x202)])).toBe(0x12);
  });

  test('reserved masks are those of the specification', () => {
    const masks = (type: number) => reservedMasks(DESCRIPTOR_FIELDS.get(type)!).map(toHex);
    expect(masks(1)).toEqual(['0xfffc00000000f1c0', '0xffffffffffffffff']);
    expect(masks(2)).toEqual(['0xffffffff0000f100', '0xf80']);
    expect(masks(3)).toEqual(['0xf0000ffe001f0', '0xffe']);
    expect(masks(4)).toEqual(['0xffff000007fff1e0', '0xffffffffffffffff']);
    expect(masks(5)).toEqual(['0xfffff100', '0x3']);
    expect(masks(6)).toEqual(['0xfff000000000f1c0', '0xf80']);
    expect(masks(7)).toEqual(['0xfff000000000f1c0', '0xffffffffffffffff']);
    expect(masks(8)).toEqual(['0x0', '0x7fe']);
    expect(masks(9)).toEqual(['0xfff00000000001e0', '0xfffffffffffff003']);
  });

  test('the upper half of a 256-bit descriptor must be 0', () => {
    const masks = reservedMasks(DESCRIPTOR_FIELDS.get(2)!);
    expect(hasReservedBits(masks, [u64(0, 0x12), u64(0, 0), u64(0, 0), u64(0, 0)])).toBe(false);
    expect(hasReservedBits(masks, [u64(0, 0x12), u64(0, 0), u64(0, 0), u64(1, 0)])).toBe(true);
  });
});
