import {
  COMMAND,
  caches,
  iotlbEntry,
  loads,
  messages,
  reads32,
  reads64,
  request,
  store,
  translated,
  vector,
  write32,
  write64,
  writeAt,
  REGISTER,
  hex,
} from './steps.mjs';
import { LEGACY_ROOT, SCALABLE_ROOT, legacy, queue, scalable, translationOn } from './fixtures.mjs';

const SID = 0x6a08;
const VA_PAGE = 0x7f1234567000n;

/** The six translations of the invalidation scenarios, by name. */
const ENTRIES = {
  E1: iotlbEntry(SID, null, 0x10, 0x5000, 0x1000, 0xabc5000),
  E2: iotlbEntry(SID, 5, 0x20, VA_PAGE, 0x1000, 0xdef0000),
  E3: iotlbEntry(SID, 6, 0x30, VA_PAGE, 0x1000, 0xabc5000),
  E4: iotlbEntry(SID, 0x47, 0x77, 0x5000, 0x1000, 0xbcd5000),
  E5: iotlbEntry(SID, 5, 0x20, VA_PAGE + 0x1000n, 0x1000, 0xdef1000),
  E6: iotlbEntry(SID, null, 0x10, 0x200000, 0x200000, 0xa00000),
};
const ALL = Object.keys(ENTRIES);

/** Reads that fill the IOTLB with them. */
const FILL = [
  request({ sourceId: SID, address: 0x5000 }, translated(0xabc5000)),
  request({ sourceId: SID, pasid: 5, address: VA_PAGE }, translated(0xdef0000)),
  request({ sourceId: SID, pasid: 6, address: VA_PAGE }, translated(0xabc5000)),
  request({ sourceId: SID, pasid: 0x47, address: 0x5000 }, translated(0xbcd5000)),
  request({ sourceId: SID, pasid: 5, address: VA_PAGE + 0x1000n }, translated(0xdef1000)),
  request({ sourceId: SID, address: 0x300000 }, translated(0xb00000, 0x200000)),
];

const PASIDS = [
  [0, 0x10],
  [5, 0x20],
  [6, 0x30],
  [0x47, 0x77],
].map(([pasid, domainId]) => ({ sourceId: hex(SID), pasid: hex(pasid), domainId: hex(domainId) }));
const CONTEXT = { sourceId: hex(SID), domainId: null };

const kept = (names) => names.map((name) => ENTRIES[name]);
const without = (...gone) => ALL.filter((name) => !gone.includes(name));
const DONE = (bytes) => [reads32('FSTS', 0), reads64('IQH', bytes)];

/** Fixture S with a 256-bit queue and the six translations cached; then one descriptor. */
function dropping(id, title, words, left) {
  const ring = queue(0x70801);
  return vector(
    id,
    title,
    scalable(),
    store(0x53000 + 8 * 0x168, 0xdef1007),
    store(0x42008, 0xa00083),
    translationOn(SCALABLE_ROOT),
    ring.start,
    FILL,
    caches({ context: [CONTEXT], pasid: PASIDS, iotlb: kept(ALL) }),
    ring.descriptor(...words),
    DONE(0x20),
    caches(left),
  );
}

/** IOTLB descriptors say nothing about the other caches. */
const iotlb = (...names) => ({ iotlb: kept(names) });
const pasids = (...left) => ({
  pasid: PASIDS.filter(({ pasid }) => left.includes(Number(pasid))),
  iotlb: kept(ALL),
});

const DROPPED = [
  dropping('S66', 'IOTLB, global', [0x12], iotlb()),
  dropping('S67', 'IOTLB, domain 0x10', [0x100022], iotlb(...without('E1', 'E6'))),
  dropping('S68', 'IOTLB, page 0x5000 of domain 0x10, draining', [0x1000f2, 0x5000], iotlb(...without('E1'))),
  dropping('S69', 'IOTLB, a page inside a superpage', [0x100032, 0x300000], iotlb(...without('E6'))),
  dropping(
    'S70',
    'IOTLB, any page of a domain with first-stage translations',
    [0x200032, 0x1000],
    iotlb(...without('E2', 'E5')),
  ),
  dropping('S71', 'PASID-based IOTLB, a page', [0x500200036n, VA_PAGE], iotlb(...without('E2'))),
  dropping(
    'S72',
    'PASID-based IOTLB, 16 pages',
    [0x500200036n, 0x7f1234560004n],
    iotlb(...without('E2', 'E5')),
  ),
  dropping('S73', 'PASID-based IOTLB, PASID 5', [0x500200026n], iotlb(...without('E2', 'E5'))),
  dropping('S74', 'PASID-based IOTLB, a second-stage PASID', [0x4700770026n], iotlb(...without('E4'))),
  dropping('S74b', 'IOTLB, domain 0x77', [0x770022], iotlb(...without('E4'))),
  dropping('S75', 'PASID-based IOTLB, a page of a second-stage PASID', [0x100036, 0x5000], iotlb(...ALL)),
  dropping('S76', 'PASID cache, PASID 5 of domain 0x20', [0x500200017n], pasids(0, 6, 0x47)),
  dropping('S77', 'PASID cache, domain 0x20', [0x200007], pasids(0, 6, 0x47)),
  dropping('S77-global', 'PASID cache, global', [0x37], pasids()),
];

/** Context entries of all functions of 6a:01, and of 6a:10.0, cached; then one descriptor. */
function droppingContexts(id, title, words, left) {
  const ring = queue(0x70801);
  const functions = [0, 1, 2, 3, 4, 5, 6, 7].map((fn) => SID + fn);
  const cached = (sourceIds) =>
    caches({ context: sourceIds.map((sourceId) => ({ sourceId: hex(sourceId), domainId: null })) });
  return vector(
    id,
    title,
    scalable(),
    functions.map((_, fn) => store(0x21100 + 32 * fn, 0x30009, 0, 0, 0)),
    translationOn(SCALABLE_ROOT),
    ring.start,
    [...functions, 0x6a80].map((sourceId) => request({ sourceId, address: 0x5000 }, translated(0xabc5000))),
    cached([...functions, 0x6a80]),
    ring.descriptor(...words),
    DONE(0x20),
    cached(left),
  );
}

const CONTEXTS = [
  droppingContexts(
    'S78',
    'context cache, device 6a:01.0',
    [0x6a0800000031n],
    [...[1, 2, 3, 4, 5, 6, 7].map((fn) => SID + fn), 0x6a80],
  ),
  droppingContexts('S78-global', 'context cache, global', [0x11], []),
  droppingContexts('S79', 'context cache, all functions of 6a:01', [0x36a0800000031n], [0x6a80]),
];

/** A device that keeps translations of 4 KiB pages: [PASID, page address]; then one descriptor. */
function droppingInDevice(id, title, before, words, after) {
  const ring = queue(0x70801);
  const listed = (entries) =>
    entries.map(([pasid, address]) => ({ pasid: pasid === null ? null : hex(pasid), address: hex(address) }));
  return vector(
    id,
    title,
    scalable(),
    translationOn(SCALABLE_ROOT),
    ring.start,
    { op: 'deviceHolds', sourceId: hex(SID), entries: listed(before) },
    ring.descriptor(...words),
    DONE(0x20),
    { op: 'deviceTlb', sourceId: hex(SID), expect: listed(after) },
  );
}

const DEVICES = [
  droppingInDevice(
    'S80',
    'device-TLB, the whole space',
    [
      [null, 0x10000],
      [null, 0xfffff000],
      [null, VA_PAGE],
    ],
    [0x6a0800000003n, 0x7ffffffffffff001n],
    [],
  ),
  droppingInDevice(
    'S81',
    'device-TLB, 64 KiB at 0x10000',
    [
      [null, 0xf000],
      [null, 0x10000],
      [null, 0x1f000],
      [null, 0x20000],
    ],
    [0x6a0800000003n, 0x17001],
    [
      [null, 0xf000],
      [null, 0x20000],
    ],
  ),
  droppingInDevice(
    'S82',
    'device-TLB, PASID 5',
    [
      [5, 0x10000],
      [5, VA_PAGE],
      [6, 0x10000],
    ],
    [0x56a080008n, 0x7ffffffffffff800n],
    [[6, 0x10000]],
  ),
];

/** Remapping entries 0x1f to 0x24 for 6a:01.0, used, changed in memory; then one descriptor. */
function interruptEntries() {
  const ring = queue(0x70801);
  const indices = [0x1f, 0x20, 0x21, 0x22, 0x23, 0x24];
  const entries = (first) =>
    indices.map((index) => store(0xa0000 + 16 * index, ((first + index) << 16) | 1, SID));
  const asks = (vectors) =>
    indices.map((index, at) => ({
      op: 'interrupt',
      sourceId: hex(SID),
      address: hex(0xfee00010 + 32 * index),
      data: '0x0',
      expect: { outcome: 'DELIVERED', vector: hex(vectors[at]) },
    }));
  return vector(
    'S83',
    'interrupt entry cache, indices 0x20 to 0x23',
    scalable(),
    translationOn(SCALABLE_ROOT),
    ring.start,
    entries(0x40),
    write64('IRTA', 0xa0007),
    write32('GCMD', COMMAND.TE + COMMAND.QIE + COMMAND.SIRTP),
    write32('GCMD', COMMAND.TE + COMMAND.QIE + COMMAND.IRE),
    asks([0x5f, 0x60, 0x61, 0x62, 0x63, 0x64]),
    entries(0x80),
    ring.descriptor(0x2010000014n),
    DONE(0x20),
    asks([0x5f, 0xa0, 0xa1, 0xa2, 0xa3, 0x64]),
  );
}

const IQE = 0x10;
const IQEI = (code) => reads64('IQERCD', code, 0xf);

function queued(id, title, steps, { fixture = scalable(), root = SCALABLE_ROOT, iqa = 0x70801 } = {}) {
  const ring = queue(iqa);
  return vector(id, title, fixture, translationOn(root), ring.start, steps(ring.descriptor));
}

const FENCE = [0x45];
const EVENT = [0xfee01000, 0x51];
const WITH_SCALABLE = { ecap: { SMTS: 1, SSTS: 1, PASID: 1, PSS: 0x13 } };
const LEGACY_256 = { fixture: legacy(WITH_SCALABLE), root: LEGACY_ROOT, iqa: 0x50801 };

const MECHANICS = [
  queued('S84', 'a wait stores its status after the descriptors before it', (next) => [
    next(0x12),
    next(0xcafebabe00000025n, 0x9000),
    loads(0x9000, 0xcafebabe),
  ]),
  queued('S84-refused', 'nothing is stored behind a refused descriptor', (next) => [
    next(0),
    next(0xcafebabe00000025n, 0x9000),
    loads(0x9000, 0),
  ]),
  queued('S85', 'a second interrupting wait before ICS is cleared raises no second event', (next) => [
    write32('IEDATA', EVENT[1]),
    write32('IEADDR', EVENT[0]),
    write32('IECTL', 0),
    next(0x15),
    reads32('ICS', 1),
    next(0x15),
    messages(EVENT),
    write32('ICS', 1),
    reads32('ICS', 0),
    next(0x15),
    messages(EVENT, EVENT),
  ]),
  queued('S86', 'a fence completes silently', (next) => [next(...FENCE), DONE(0x20), reads32('ICS', 0)]),
  queued('S87', 'an address mask above MAMV stops the queue', (next) => [
    next(...FENCE),
    next(0x100032, 0x13),
    reads32('FSTS', IQE),
    reads64('IQH', 0x20),
    IQEI(4),
  ]),
  queued('S88', 'type 0 stops the queue until software clears the error', (next) => [
    next(0),
    next(0x700000025n, 0x9000),
    reads32('FSTS', IQE),
    IQEI(3),
    reads64('IQH', 0),
    loads(0x9000, 0),
    store(0x70000, ...FENCE),
    write32('FSTS', IQE),
    reads32('FSTS', 0),
    loads(0x9000, 7),
    reads64('IQH', 0x40),
  ]),
  queued('S89', 'a page group response reaches the device', (next) => [
    next(0x56a080019n, 0x1c),
    {
      op: 'pageResponses',
      expect: [{ sourceId: hex(SID), pasid: '0x5', groupIndex: '0x3', code: '0x0' }],
    },
    reads32('FSTS', 0),
  ]),
  queued(
    'S90',
    'the head of a 128-bit queue wraps after 256 entries',
    (next) => [
      Array.from({ length: 255 }, () => next(...FENCE)),
      reads64('IQH', 0xff0),
      next(0xcafebabe00000025n, 0x9000),
      reads64('IQT', 0),
      reads64('IQH', 0),
      loads(0x9000, 0xcafebabe),
      reads32('FSTS', 0),
    ],
    { fixture: legacy(), root: LEGACY_ROOT, iqa: 0x50000 },
  ),
  queued(
    'S91',
    'a tail between two 256-bit descriptors is misaligned',
    () => [write64('IQT', 0x10), reads32('FSTS', IQE), IQEI(6)],
    { iqa: 0x50801 },
  ),
  queued(
    'S91b',
    'a 128-bit queue in scalable mode has the wrong width',
    (next) => [next(...FENCE), reads32('FSTS', IQE), IQEI(5)],
    { iqa: 0x50000 },
  ),
  queued(
    'S91c-6',
    'type 6 in legacy mode is an invalid type',
    (next) => [next(0x500200026n), reads32('FSTS', IQE), IQEI(3)],
    LEGACY_256,
  ),
  queued(
    'S91c-7',
    'type 7 in legacy mode is an invalid type',
    (next) => [next(0x37), reads32('FSTS', IQE), IQEI(3)],
    LEGACY_256,
  ),
];

/** Register-based invalidation, global, acts when the high half is written. */
function byRegister() {
  const asked = { sourceId: 0x10, address: 0x4012345678n };
  const held = iotlbEntry(0x10, null, 0x42, 0x4012345000n, 0x1000, 0x7abcd000);
  return vector(
    'S92',
    'the IOTLB register acts on its high half and reports what it did',
    legacy(),
    translationOn(LEGACY_ROOT),
    request(asked, translated(0x7abcd678)),
    writeAt('IOTLB', REGISTER.IOTLB, 0),
    caches({ iotlb: [held] }),
    writeAt('IOTLB', REGISTER.IOTLB + 4, 0x90020010),
    reads64('IOTLB', 0x1202001000000000n),
    caches({ iotlb: [] }),
  );
}

export const INVALIDATION = [
  ...DROPPED,
  ...CONTEXTS,
  ...DEVICES,
  interruptEntries(),
  ...MECHANICS,
  byRegister(),
];
