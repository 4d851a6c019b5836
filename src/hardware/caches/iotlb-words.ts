// How the IOTLB lays its entries out in one typed array: {@link Iotlb} and the request path's own lookup.

const SETS_LG2 = 8;
const SETS = 1 << SETS_LG2;
const WAYS = 4;
const SLOTS = WAYS * SETS;
const STRIDE_LG2 = 3;
/** The low page bits of all entries come first, side by side: a miss reads these and no entry. */
const ENTRIES = SLOTS;
/** Then how many ways of each set are free, whether any holds an entry, and one of a page above 4 KiB. */
const FREE_WAYS = ENTRIES + (SLOTS << STRIDE_LG2);
const HOLDS_ANY = FREE_WAYS + SETS;
const HOLDS_LARGE = HOLDS_ANY + 1;
export const VALID = 1 << 27;
export const CLASS_SHIFT = 25;
export const HAS_PASID = 1 << 20;

/** Flag word of an entry: what it permits, by privilege, and what a hit must know besides. */
export const IOTLB_FLAG = {
  USER_READ: 1 << 0,
  USER_WRITE: 1 << 1,
  PRIVILEGED_READ: 1 << 2,
  PRIVILEGED_WRITE: 1 << 3,
  EXECUTE: 1 << 4,
  SNOOP: 1 << 5,
  /** A write is permitted but must set a dirty bit first: it goes back to the tables. */
  NEEDS_DIRTY: 1 << 6,
  /** Caching mode: the page was found not present. */
  NOT_PRESENT: 1 << 7,
  /** The host frame has more than 32 bits, which the hot path leaves to others. */
  FAR: 1 << 8,
} as const;
export const TYPE_SHIFT = 9;
export const DOMAIN_SHIFT = 16;
export const PASID_SHIFT = 8;
/** Any odd pattern: an entry of a large page has a slot of its own. */
const CLASS_SEED = 0x155;

/** Places of an entry's words after its index: the hot path reads and writes them without a call. */
export const IOTLB_WORD = { TAG2: 0, TAG3: 1, FLAGS: 2, FRAME: 3, FRAME_HI: 4 } as const;

/** What else the hot path knows of the words: it looks 4 KiB pages up and puts them in by itself. */
export const IOTLB_LAYOUT = {
  SETS_LG2,
  WAYS,
  SLOTS,
  STRIDE_LG2,
  ENTRIES,
  FREE_WAYS,
  HOLDS_ANY,
  HOLDS_LARGE,
} as const;

/** The tag of a request: its PASID, marked as such, or 0. */
export function requestTagOf(pasid: number | null): number {
  return pasid === null ? 0 : pasid | HAS_PASID;
}

/** Flags, PGTT and domain id as an entry has them in one word. */
export function flagWord(flags: number, type: number, domainId: number): number {
  return flags | (type << TYPE_SHIFT) | (domainId << DOMAIN_SHIFT);
}

/** Tag word of the entry of a 4 KiB page: all of the requester but what goes with the page's upper bits. */
export function pageTag(sourceId: number, requestTag: number): number {
  return requestTag | ((sourceId >>> 12) << 21) | VALID;
}

/** Last word of an entry: bits 39:32 of the host frame, and the PASID an invalidation names. */
export function upperWord(frameHi: number, pasid: number): number {
  return frameHi | (pasid << PASID_SHIFT);
}

/** The requester's part of the hash, by Fibonacci hashing: ten bits. */
export function requesterSeed(sourceId: number, requestTag: number): number {
  return Math.imul(sourceId ^ (requestTag << 12), 0x9e3779b1) >>> 22;
}

/** The slot an entry belongs in: neighbours in different sets, and page sizes apart. */
export function slotOf(number: number, seed: number, sizeClass: number): number {
  return (number ^ (number >>> SETS_LG2) ^ seed ^ (sizeClass * CLASS_SEED)) & (SLOTS - 1);
}
