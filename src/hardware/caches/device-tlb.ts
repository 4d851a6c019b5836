import { type PageRange, pageRangeOf } from '../../layout/invalidation/index.js';

/** A translation a device keeps. */
export interface DeviceTlbEntry {
  /** Null for requests without PASID. */
  readonly pasid: number | null;
  /** First page frame of the translated page. */
  readonly pfn: number;
  /** The page has 2^`pagesLg2` frames. */
  readonly pagesLg2: number;
  /** First host frame. */
  readonly targetPfn: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
}

/** Entries a device keeps; the oldest goes when one more arrives. */
const CAPACITY = 256;

/**
 * A device's own translation cache, filled by its translation requests.
 * Spec: VT-d 4.2 "Device-TLB"; PCI Express "Address Translation Services".
 */
export class DeviceTlb {
  /** False for a device that answers no invalidation request: gone, hung, or unable. */
  responds = true;
  private readonly byKey = new Map<string, DeviceTlbEntry>();

  /** The entry for a page; null on a miss. */
  lookup(pasid: number | null, pfn: number): DeviceTlbEntry | null {
    for (const pagesLg2 of PAGE_SIZES) {
      const entry = this.byKey.get(keyOf(pasid, pageRangeOf(pfn, pagesLg2)));
      if (entry !== undefined) return entry;
    }
    return null;
  }

  insert(entry: DeviceTlbEntry): void {
    const key = keyOf(entry.pasid, { pfn: entry.pfn, addressMask: entry.pagesLg2 });
    this.byKey.delete(key);
    if (this.byKey.size >= CAPACITY) this.byKey.delete(this.byKey.keys().next().value as string);
    this.byKey.set(key, entry);
  }

  /**
   * An invalidation request without PASID: entries overlapping the range go, whatever PASID they have.
   *
   * That it reaches entries with a PASID is UNCONFIRMED; the guidance to flush after a context-entry change
   * with this request alone only holds if it does. Spec: VT-d 6.5.3.3 "Guidance to Software for Invalidations".
   */
  invalidate(range: PageRange): number {
    return this.drop((entry) => overlaps(entry, range));
  }

  /** An invalidation request with PASID; null means all PASIDs (global invalidate). */
  invalidatePasid(pasid: number | null, range: PageRange): number {
    return this.drop(
      (entry) => entry.pasid !== null && (pasid === null || entry.pasid === pasid) && overlaps(entry, range),
    );
  }

  /** Disabling ATS empties it. */
  clear(): number {
    return this.drop(() => true);
  }

  entries(): Iterable<DeviceTlbEntry> {
    return this.byKey.values();
  }

  private drop(matches: (entry: DeviceTlbEntry) => boolean): number {
    let dropped = 0;
    for (const [key, entry] of this.byKey) {
      if (!matches(entry)) continue;
      this.byKey.delete(key);
      dropped++;
    }
    return dropped;
  }
}

/** 4 KiB, 2 MiB, 1 GiB. */
const PAGE_SIZES = [0, 9, 18];

function keyOf(pasid: number | null, page: PageRange): string {
  return `${pasid ?? '-'}:${page.pfn}:${page.addressMask}`;
}

function overlaps(entry: DeviceTlbEntry, range: PageRange): boolean {
  return entry.pfn < range.pfn + 2 ** range.addressMask && range.pfn < entry.pfn + 2 ** entry.pagesLg2;
}
