/**
 * What an IOTLB of unlimited size holds, by the tags and the removal rules alone.
 * Spec: VT-d 6.2.5 "Translation Caching in IOTLB", 6.5.2 "Queued Invalidation Interface".
 */
export interface ModelEntry {
  readonly sourceId: number;
  /** The PASID of the request; null for a request-without-PASID. */
  readonly pasid: number | null;
  /** PASID the entry is tagged with: RID_PASID for a request-without-PASID. */
  readonly pasidTag: number;
  readonly domainId: number;
  readonly stage: 'FIRST' | 'SECOND' | 'NESTED' | 'PASS_THROUGH';
  /** First page and number of pages of the translation. */
  readonly firstPage: bigint;
  readonly pages: bigint;
}

export type Operation =
  | { readonly kind: 'IOTLB_GLOBAL' }
  | { readonly kind: 'IOTLB_DOMAIN'; readonly domainId: number }
  | { readonly kind: 'IOTLB_PAGE'; readonly domainId: number; readonly page: bigint; readonly mask: number }
  | { readonly kind: 'PASID_ALL'; readonly domainId: number; readonly pasid: number }
  | {
      readonly kind: 'PASID_PAGE';
      readonly domainId: number;
      readonly pasid: number;
      readonly page: bigint;
      readonly mask: number;
    }
  /** Operations on the other caches leave the IOTLB alone. */
  | { readonly kind: 'CONTEXT_GLOBAL' }
  | { readonly kind: 'PASID_CACHE_GLOBAL' };

export class CacheModel {
  private entries: ModelEntry[] = [];

  has(wanted: ModelEntry): boolean {
    return this.entries.some(
      (entry) =>
        entry.sourceId === wanted.sourceId &&
        entry.pasid === wanted.pasid &&
        entry.firstPage === wanted.firstPage,
    );
  }

  insert(entry: ModelEntry): void {
    if (!this.has(entry)) this.entries.push(entry);
  }

  apply(operation: Operation): void {
    this.entries = this.entries.filter((entry) => !removes(operation, entry));
  }
}

function removes(operation: Operation, entry: ModelEntry): boolean {
  const isFirst = entry.stage === 'FIRST' || entry.stage === 'NESTED';
  switch (operation.kind) {
    case 'IOTLB_GLOBAL':
      return true;
    case 'IOTLB_DOMAIN':
      return entry.domainId === operation.domainId;
    case 'IOTLB_PAGE':
      return entry.domainId === operation.domainId && (isFirst || overlaps(operation, entry));
    case 'PASID_ALL':
      return entry.domainId === operation.domainId && entry.pasidTag === operation.pasid;
    case 'PASID_PAGE':
      return (
        isFirst &&
        entry.domainId === operation.domainId &&
        entry.pasidTag === operation.pasid &&
        overlaps(operation, entry)
      );
    case 'CONTEXT_GLOBAL':
    case 'PASID_CACHE_GLOBAL':
      return false;
  }
}

function overlaps(range: { page: bigint; mask: number }, entry: ModelEntry): boolean {
  const size = 1n << BigInt(range.mask);
  const first = range.page & ~(size - 1n);
  return entry.firstPage < first + size && first < entry.firstPage + entry.pages;
}

/** The two words of the descriptor. Spec: VT-d 6.5.2.1 to 6.5.2.4. */
export function descriptorOf(operation: Operation): [bigint, bigint] {
  const tag = (domainId: number) => BigInt(domainId) << 16n;
  const range = (page: bigint, mask: number) => (page << 12n) | BigInt(mask);
  switch (operation.kind) {
    case 'IOTLB_GLOBAL':
      return [0x12n, 0n];
    case 'IOTLB_DOMAIN':
      return [0x22n | tag(operation.domainId), 0n];
    case 'IOTLB_PAGE':
      return [0x32n | tag(operation.domainId), range(operation.page, operation.mask)];
    case 'PASID_ALL':
      return [0x26n | tag(operation.domainId) | (BigInt(operation.pasid) << 32n), 0n];
    case 'PASID_PAGE':
      return [
        0x36n | tag(operation.domainId) | (BigInt(operation.pasid) << 32n),
        range(operation.page, operation.mask),
      ];
    case 'CONTEXT_GLOBAL':
      return [0x11n, 0n];
    case 'PASID_CACHE_GLOBAL':
      return [0x37n, 0n];
  }
}
