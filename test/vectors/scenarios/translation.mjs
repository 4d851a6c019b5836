import {
  blocked,
  caches,
  empty,
  hex,
  iotlbEntry,
  loads,
  reads32,
  recordIs,
  request,
  store,
  translated,
  vector,
} from './steps.mjs';
import { LEGACY_ROOT, SCALABLE_ROOT, legacy, scalable, translationOn } from './fixtures.mjs';

/** Domain ids of fixture S by PASID of the request. */
const DOMAIN = new Map([
  [null, 0x10],
  [5, 0x20],
  [6, 0x30],
  [7, 0x01],
  [0x47, 0x77],
]);

/** Reasons met before a context entry is accepted, and before a PASID entry is. */
const BEFORE_CONTEXT = (reason) =>
  [0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x29].includes(reason) || (reason >= 0x30 && reason <= 0x43);
const BEFORE_PASID = (reason) =>
  BEFORE_CONTEXT(reason) || (reason >= 0x44 && reason <= 0x5b) || reason === 0x89;

/**
 * What one request allows a unit without caching mode to have cached: entries that were accepted, and the
 * translation when there is one. Refusals are never cached. Spec: VT-d 6.2 "Address Translation Caches".
 */
function cachesAfter(mode, asked, answer) {
  const reason = answer.reason === undefined ? 0 : Number(answer.reason);
  const { sourceId, pasid = null } = asked;
  const isScalable = mode === 'scalable';
  const hasContext = !BEFORE_CONTEXT(reason);
  const domainId = isScalable ? DOMAIN.get(pasid) : 0x42;
  const context = { sourceId: hex(sourceId), domainId: isScalable ? null : hex(0x42) };
  const hasPasid = isScalable && !BEFORE_PASID(reason);
  const iotlb = [];
  if (answer.outcome === 'TRANSLATED' && BigInt(answer.pageSize) !== 0n) {
    const page = ~(BigInt(answer.pageSize) - 1n);
    const from = BigInt(asked.address) & page;
    const to = BigInt(answer.physical) & page;
    iotlb.push(iotlbEntry(sourceId, pasid, domainId, from, answer.pageSize, to, answer.access));
  }
  return caches({
    context: hasContext ? [context] : [],
    pasid: hasPasid ? [{ sourceId: hex(sourceId), pasid: hex(pasid ?? 0), domainId: hex(domainId) }] : [],
    iotlb,
  });
}

const IOVA = 0x4012345678n;
const PAGE = 0x4012345000n;

/** @param record words of the fault record: high, low; as far as the reference gives them */
function legacyCase(
  id,
  title,
  { stores = [], asked = {}, options, on = true, record = [], quiet = false },
  answer,
) {
  const fields = { sourceId: 0x10, address: IOVA, ...asked };
  return vector(
    id,
    title,
    legacy(options),
    stores.map((each) => store(...each)),
    on ? translationOn(LEGACY_ROOT) : [],
    request(fields, answer),
    record.length > 0 ? recordIs(...record) : [],
    quiet ? [reads32('FSTS', 0), ...recordIs(0, 0)] : [],
    on ? cachesAfter('legacy', fields, answer) : caches({ context: [], pasid: [], iotlb: [] }),
  );
}

export const LEGACY = [
  legacyCase('S1', 'a read of a mapped page', {}, translated(0x7abcd678)),
  legacyCase(
    'S2',
    'a write to a read-only page',
    { stores: [[0x15a28, 0x7abcd001]], asked: { type: 'WRITE' }, record: [0x8000000500000010n, PAGE] },
    blocked(0x05),
  ),
  legacyCase(
    'S3',
    'a read of a write-only page',
    { stores: [[0x15a28, 0x7abcd002]], record: [0xc000000600000010n, PAGE] },
    blocked(0x06),
  ),
  legacyCase(
    'S4',
    'an absent root entry',
    { stores: [[0x10000, 0x11000]], record: [0xc000000100000010n, PAGE] },
    blocked(0x01),
  ),
  legacyCase(
    'S5',
    'an absent context entry',
    { stores: [[0x11100, 0x12000]], record: [0xc000000200000010n, PAGE] },
    blocked(0x02),
  ),
  legacyCase(
    'S6',
    'FPD of an absent context entry suppresses the record',
    { stores: [[0x11100, 0x12002]], quiet: true },
    blocked(0x02, false),
  ),
  legacyCase(
    'S7',
    'a reserved bit of a context entry',
    { stores: [[0x11100, 0x12011]], record: [0xc000000b00000010n, PAGE] },
    blocked(0x0b),
  ),
  legacyCase(
    'S8',
    'an address width outside SAGAW',
    { stores: [[0x11108, 0x4203]], record: [0xc000000300000010n, PAGE] },
    blocked(0x03),
  ),
  legacyCase('S9', 'the reserved translation type', { stores: [[0x11100, 0x1200d]] }, blocked(0x03)),
  legacyCase(
    'S10',
    'an address above the guest width; its high bits are not recorded',
    { asked: { address: 1n << 48n }, record: [0xc000000400000010n, 0] },
    blocked(0x04),
  ),
  legacyCase('S11', 'a 2 MiB leaf', { stores: [[0x14488, 0x40000083]] }, translated(0x40145678, 0x200000)),
  legacyCase(
    'S12',
    'bit 12 of a 2 MiB leaf is reserved',
    { stores: [[0x14488, 0x40001083]], record: [0xc000000c00000010n, PAGE] },
    blocked(0x0c),
  ),
  legacyCase('S13', 'a 1 GiB leaf', { stores: [[0x13800, 0x80000083]] }, translated(0x92345678, 0x40000000)),
  legacyCase(
    'S13-2M',
    'a 1 GiB leaf on a unit with 2 MiB pages only',
    { stores: [[0x13800, 0x80000083]], options: { cap: { SSLPS: 1 } } },
    blocked(0x0c),
  ),
  legacyCase(
    'S14',
    'an output in the interrupt range',
    { stores: [[0x15a28, 0xfee00003]], record: [0xc000000e00000010n, PAGE] },
    blocked(0x0e),
  ),
  legacyCase('S15', 'pass-through', { stores: [[0x11100, 0x12009]] }, translated(IOVA, 0)),
  legacyCase(
    'S16',
    'a translation request where none is allowed',
    { asked: { addressType: 'TRANSLATION_REQUEST' }, record: [0xd000000d00000010n, PAGE] },
    blocked(0x0d),
  ),
  // PP and PV of a record exist only on a unit that knows PASIDs, which in turn asks for scalable mode.
  legacyCase(
    'S17',
    'a request-with-PASID while the tables are legacy',
    {
      asked: { pasid: 5 },
      options: { ecap: { SMTS: 1, SSTS: 1, PASID: 1, PSS: 0x13 } },
      record: [0xc000053180000010n, PAGE],
    },
    blocked(0x31),
  ),
  legacyCase(
    'S18',
    'an address bit at the host address width',
    { stores: [[0x15a28, 0x8000000003n]] },
    blocked(0x0c),
  ),
  legacyCase('S19', 'bit 62 of a leaf', { stores: [[0x15a28, 0x400000007abcd003n]] }, blocked(0x0c)),
  legacyCase(
    'S20',
    'ignored bits of a leaf',
    { stores: [[0x15a28, 0xbff000007abcd003n]] },
    translated(0x7abcd678),
  ),
  legacyCase('S21', 'a read through an empty leaf', { stores: [[0x15a28, 0]] }, blocked(0x06)),
  legacyCase('S22', 'a page-size bit in level 4', { stores: [[0x12000, 0x13083]] }, blocked(0x0c)),
  legacyCase('S23', 'translation off', { on: false }, translated(IOVA, 0)),
];

const VA = 0x7f1234567890n;
const VA_PAGE = 0x7f1234567000n;
const CONTEXT = 0x21100;
const LEAF_5 = 0x43028;
const FL_LEAF = 0x53000 + 8 * 0x167;
const FL_LEVEL2 = 0x52000 + 8 * 0x1a2;

function scalableCase(
  id,
  title,
  {
    stores = [],
    asked,
    options,
    root = SCALABLE_ROOT,
    record = [],
    quiet = false,
    after = [],
    showsCaches = true,
  },
  answer,
) {
  const fields = { sourceId: 0x6a08, ...asked };
  return vector(
    id,
    title,
    scalable(options),
    stores.map((each) => store(...each)),
    translationOn(root),
    request(fields, answer),
    record.length > 0 ? recordIs(...record) : [],
    quiet ? [reads32('FSTS', 0), ...recordIs(0, 0)] : [],
    after.map((each) => loads(...each)),
    showsCaches ? cachesAfter('scalable', fields, answer) : [],
  );
}

const plain = { address: 0x5123 };
const first = { pasid: 5, address: VA };
const nested = { pasid: 6, address: VA };
const ats = { addressType: 'TRANSLATION_REQUEST' };
/** Second-stage tables whose permissions are bits 61 and 62. */
const HIGH_BITS = [
  [0x40000, 0x6000000000041000n],
  [0x41000, 0x6000000000042000n],
  [0x42000, 0x6000000000043000n],
  [LEAF_5, 0x200000000abc5000n],
];

export const SCALABLE = [
  scalableCase('S24', 'a request without PASID uses RID_PASID', { asked: plain }, translated(0xabc5123)),
  scalableCase(
    'S24-upper',
    'the same through the upper half of the bus',
    { asked: { ...plain, sourceId: 0x6a80 } },
    translated(0xabc5123),
  ),
  scalableCase(
    'S25',
    'a first-stage read sets the accessed bit on every level',
    {
      asked: first,
      after: [
        [FL_LEAF, 0xdef0027],
        [FL_LEVEL2, 0x53027],
        [0x51000 + 8 * 0x48, 0x52027],
        [0x50000 + 8 * 0xfe, 0x51027],
      ],
    },
    translated(0xdef0890),
  ),
  scalableCase(
    'S26',
    'a first-stage write sets the dirty bit of the leaf',
    { asked: { ...first, type: 'WRITE' }, after: [[FL_LEAF, 0xdef0067]] },
    translated(0xdef0890),
  ),
  scalableCase('S27', 'a nested read', { asked: nested }, translated(0xabc5890)),
  scalableCase(
    'S28',
    'pass-through',
    { asked: { pasid: 7, address: 0x12345000 } },
    translated(0x12345000, 0),
  ),
  scalableCase(
    'S29',
    'pass-through into the interrupt range',
    { asked: { pasid: 7, address: 0xfee00000 }, record: [0xc000078780006a08n, 0xfee00000] },
    blocked(0x87),
  ),
  scalableCase(
    'S30',
    'sibling PASIDs have their own tables',
    { asked: { pasid: 0x47, address: 0x5010 } },
    translated(0xbcd5010),
  ),
  scalableCase(
    'S31',
    'an empty PASID entry',
    { asked: { ...first, pasid: 8 }, record: [0xc000085980006a08n, VA_PAGE] },
    blocked(0x59),
  ),
  scalableCase(
    'S32',
    'an absent directory entry',
    { asked: { ...first, pasid: 0x80 }, record: [0xc000805180006a08n, VA_PAGE] },
    blocked(0x51),
  ),
  scalableCase(
    'S33',
    'a PASID beyond the directory',
    { asked: { ...first, pasid: 0x2000 }, record: [0xc020004680006a08n, VA_PAGE] },
    blocked(0x46),
  ),
  scalableCase(
    'S34',
    'a request-with-PASID while PASIDE=0',
    { stores: [[CONTEXT, 0x30001]], asked: first, record: [0xc000054580006a08n, VA_PAGE] },
    blocked(0x45),
  ),
  scalableCase(
    'S35',
    'an absent half of a root entry',
    { stores: [[0x206a0, 0x21000]], asked: plain, record: [0xc000003900006a08n, 0x5000] },
    blocked(0x39),
  ),
  scalableCase(
    'S36',
    'a reserved bit of a context entry',
    { stores: [[CONTEXT, 0x30029]], asked: plain, record: [0xc000004200006a08n, 0x5000] },
    blocked(0x42),
  ),
  scalableCase(
    'S37',
    'a RID_PASID beyond the directory',
    { stores: [[CONTEXT + 8, 0x2000]], asked: plain, record: [0xc000004300006a08n, 0x5000] },
    blocked(0x43),
  ),
  scalableCase(
    'S37b',
    'a request-with-PASID equal to RID_PASID',
    { asked: { ...plain, pasid: 0 }, record: [0xc000004880006a08n, 0x5000] },
    blocked(0x48),
  ),
  scalableCase(
    'S37c',
    'page requests enabled without a device-TLB',
    { stores: [[CONTEXT, 0x30019]], asked: plain, record: [0xc000004300006a08n, 0x5000] },
    blocked(0x43),
  ),
  scalableCase(
    'S38',
    'a translation request while DTE=0',
    { asked: { ...plain, ...ats }, record: [0xd000004400006a08n, 0x5000] },
    blocked(0x44),
  ),
  scalableCase(
    'S38-allowed',
    'a translation request while DTE=1',
    { stores: [[CONTEXT, 0x3000d]], asked: { ...plain, ...ats } },
    translated(0xabc5123),
  ),
  scalableCase(
    'S39',
    'a reserved translation type',
    { stores: [[0x31140, 0x09]], asked: first, record: [0xc000055b80006a08n, VA_PAGE] },
    blocked(0x5b),
  ),
  scalableCase(
    'S40',
    'an address that is not canonical',
    { asked: { pasid: 5, address: 1n << 47n }, record: [0xc000058080006a08n, 1n << 47n] },
    blocked(0x80),
  ),
  scalableCase(
    'S41',
    'an unmapped first-stage address',
    { asked: { pasid: 5, address: 0 }, record: [0xc000057180006a08n, 0] },
    blocked(0x71),
  ),
  scalableCase(
    'S42',
    'a user read of a supervisor page',
    { stores: [[FL_LEAF, 0xdef0003]], asked: first, record: [0xc000058180006a08n, VA_PAGE] },
    blocked(0x81),
  ),
  scalableCase(
    'S43',
    'a user write to a read-only page',
    {
      stores: [[FL_LEAF, 0xdef0005]],
      asked: { ...first, type: 'WRITE' },
      record: [0x8000058580006a08n, VA_PAGE],
    },
    blocked(0x85),
  ),
  // How an entry shows privileged permissions is the implementation's own affair.
  scalableCase(
    'S44',
    'a supervisor write to a read-only page while WPE=0',
    {
      stores: [
        [FL_LEAF, 0xdef0005],
        [0x31150, 0x50021],
      ],
      asked: { ...first, type: 'WRITE', privileged: true },
      showsCaches: false,
    },
    translated(0xdef0890),
  ),
  scalableCase(
    'S44-WPE',
    'the same while WPE=1',
    {
      stores: [
        [FL_LEAF, 0xdef0005],
        [0x31150, 0x50031],
      ],
      asked: { ...first, type: 'WRITE', privileged: true },
      record: [0x80000585a0006a08n, VA_PAGE],
    },
    blocked(0x85),
  ),
  scalableCase(
    'S44-SRE',
    'the same while SRE=0',
    { stores: [[FL_LEAF, 0xdef0005]], asked: { ...first, type: 'WRITE', privileged: true } },
    blocked(0x5d),
  ),
  scalableCase(
    'S45',
    'a first-stage 2 MiB leaf',
    { stores: [[FL_LEVEL2, 0xde00087]], asked: first },
    translated(0xdf67890, 0x200000),
  ),
  scalableCase(
    'S45-reserved',
    'bit 13 of a first-stage 2 MiB leaf is reserved',
    { stores: [[FL_LEVEL2, 0xde02087]], asked: first },
    blocked(0x72),
  ),
  scalableCase(
    'S46',
    'an empty second-stage entry',
    { asked: { address: 0x7000 }, record: [0xc000007900006a08n, 0x7000] },
    blocked(0x79),
  ),
  scalableCase(
    'S47',
    'a write to a read-only second-stage page',
    {
      stores: [[LEAF_5, 0xabc5001]],
      asked: { ...plain, type: 'WRITE' },
      record: [0x8000008500006a08n, 0x5000],
    },
    blocked(0x85),
  ),
  scalableCase(
    'S48',
    'a read of a write-only second-stage page',
    { stores: [[LEAF_5, 0xabc5002]], asked: plain, record: [0xc000008600006a08n, 0x5000] },
    blocked(0x86),
  ),
  scalableCase(
    'S49',
    'a second-stage address above the guest width; its high bits are not recorded',
    { asked: { address: 1n << 48n }, record: [0xc000008400006a08n, 0] },
    blocked(0x84),
  ),
  scalableCase(
    'S50',
    'a first-stage table the second stage will not let it read',
    { stores: [[0x43010, 0x91002]], asked: nested },
    blocked(0x76),
  ),
  scalableCase(
    'S50-top',
    'the same for the top table',
    { stores: [[0x43008, 0x90002]], asked: nested },
    blocked(0x75),
  ),
  scalableCase(
    'S51',
    'a guest address the second stage does not map',
    { stores: [[LEAF_5, 0]], asked: nested, record: [0xc000067980006a08n, VA_PAGE] },
    blocked(0x79),
  ),
  scalableCase(
    'S53',
    'an atomic operation on a read-only page',
    {
      stores: [[LEAF_5, 0xabc5001]],
      asked: { ...plain, type: 'ATOMIC' },
      record: [0xc000008510006a08n, 0x5000],
    },
    blocked(0x85),
  ),
  scalableCase(
    'S54',
    'a reserved bit of a PASID entry',
    { stores: [[0x31148, 0x10020]], asked: first, record: [0xc000055a80006a08n, VA_PAGE] },
    blocked(0x5a),
  ),
  scalableCase(
    'S55',
    'a reserved bit of a directory entry',
    { stores: [[0x30000, 0x31005]], asked: first, record: [0xc000055280006a08n, VA_PAGE] },
    blocked(0x52),
  ),
  scalableCase(
    'S56',
    'FPD of an absent PASID entry suppresses the record',
    { stores: [[0x31000 + 8 * 64, 0x02]], asked: { ...first, pasid: 8 }, quiet: true },
    blocked(0x59, false),
  ),
  scalableCase(
    'S57',
    'the reserved table mode refuses every request, FPD or not',
    { stores: [[CONTEXT, 0x3000b]], asked: plain, root: 0x20800 },
    blocked(0x30),
  ),
  scalableCase(
    'S57b',
    'abort mode reads no table',
    {
      stores: [[CONTEXT, 0x3000b]],
      asked: plain,
      root: 0x20c00,
      options: { ecap: { ADMS: 1 } },
      record: [0xc000003300006a08n, 0x5000],
    },
    blocked(0x33),
  ),
  scalableCase(
    'S57b-ADMS',
    'abort mode on a unit without it',
    { asked: plain, root: 0x20c00 },
    blocked(0x30),
  ),
  scalableCase(
    'S57c',
    'a PASID wider than PSS',
    {
      asked: { ...first, pasid: 0x400 },
      options: { ecap: { PSS: 9 } },
      record: [0xc004008980006a08n, VA_PAGE],
    },
    blocked(0x89),
  ),
  scalableCase(
    'S57d',
    'a translation request for an unmapped page is answered without permissions',
    { stores: [[CONTEXT, 0x3000d]], asked: { address: 0x7000, ...ats }, quiet: true },
    empty(),
  ),
  scalableCase(
    'S57e',
    'a translation request for a read-only page',
    {
      stores: [
        [CONTEXT, 0x3000d],
        [LEAF_5, 0xabc5001],
      ],
      asked: { ...plain, ...ats },
      quiet: true,
    },
    translated(0xabc5123, 0x1000, ['READ']),
  ),
  scalableCase('S57f', 'a read of the interrupt range', { asked: { address: 0xfee00000 } }, blocked(0x29)),
  scalableCase(
    'S57g',
    'SSIRWE: a page readable by bit 61',
    { stores: HIGH_BITS, asked: plain, root: 0x20480, options: { ecap: { SSIRWS: 1 } } },
    translated(0xabc5123, 0x1000, ['READ']),
  ),
  scalableCase(
    'S57g-write',
    'SSIRWE: the same page has bit 62 clear',
    {
      stores: HIGH_BITS,
      asked: { ...plain, type: 'WRITE' },
      root: 0x20480,
      options: { ecap: { SSIRWS: 1 } },
      record: [0x8000008500006a08n, 0x5000],
    },
    blocked(0x85),
  ),
  scalableCase(
    'S57h',
    'without SSIRWE the same entries are not present',
    { stores: HIGH_BITS, asked: plain, options: { ecap: { SSIRWS: 1 } } },
    blocked(0x79),
  ),
];
