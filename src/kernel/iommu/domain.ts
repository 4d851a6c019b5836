import { type U64, u64FromPfn } from '../../bits/u64.js';
import type { FlushQueue } from '../dma/flush-queue.js';
import type { IovaSpace } from '../dma/iova-space.js';
import type { KernelSubject } from '../errno.js';
import type { IoPageTable } from '../intel/page-table.js';
import type { IntelUnit } from '../intel/unit.js';
import type { Attachment } from './attachment.js';
import type { IommuOps } from './iommu-ops.js';

/** Linux: IOMMU_DOMAIN_*, include/linux/iommu.h. */
export type DomainType = 'UNMANAGED' | 'DMA' | 'DMA_FQ' | 'IDENTITY' | 'BLOCKED' | 'SVA';

/** A stretch of a domain in which IOVA and physical address grow together, in pages of one size. */
export interface MappedRange {
  readonly iova: U64;
  readonly physical: U64;
  /** Bytes. */
  readonly size: number;
  readonly pageSize: number;
  readonly read: boolean;
  readonly write: boolean;
}

/** Leaves looked at in one go: some milliseconds. */
const LEAVES_A_GO = 4096;

/** An I/O address space. Linux: struct iommu_domain inside struct dmar_domain. */
export class Domain {
  readonly attachments: Attachment[] = [];
  /** Domain ids by unit, with the number of attachments on each. */
  readonly domainIds = new Map<IntelUnit, { readonly did: number; users: number }>();
  /** Bits of input address; shrinks to the unit's at the first attachment. Linux: dmar_domain.gaw. */
  addressWidth = 57;
  /**
   * Frame number of the end of the highest mapping made so far, lowered only when the topmost chunk goes.
   * Linux: dmar_domain.max_addr.
   */
  highestMappedEnd = 0;
  /** Large-page levels in use: 0 none, 1 2 MiB, 2 also 1 GiB. Known only once attached. */
  superpageLevels = 0;
  snoopControl = false;
  /** Addresses handed out to drivers; null before the first. Linux: iommu_dma_cookie.iovad. */
  iovas: IovaSpace | null = null;
  /** What was unmapped for drivers and not flushed; null before the first. */
  flushQueue: FlushQueue | null = null;
  /** The PASID of auxiliary attachments; keeps its value after they end. Linux: dmar_domain.default_pasid. */
  defaultPasid = 0;

  constructor(
    readonly number: number,
    /** A domain of the DMA API can be given a flush queue while it is in use. */
    public type: DomainType,
    readonly ops: IommuOps,
    readonly pageSizeBitmap: U64,
    /** The tables are in the processor's format and used as first stage. */
    readonly firstLevel: boolean,
    /** A domain for pass-through has tables too, but nothing walks them. */
    readonly table: IoPageTable,
  ) {}

  /** It has mappings. Linux: __IOMMU_DOMAIN_PAGING. */
  get isPaging(): boolean {
    return this.type === 'UNMANAGED' || this.isForDmaApi;
  }

  /** The kernel's own, for what drivers map through the DMA API. Linux: iommu_is_dma_domain(). */
  get isForDmaApi(): boolean {
    return this.type === 'DMA' || this.type === 'DMA_FQ';
  }

  get apertureStart(): U64 {
    return u64FromPfn(0);
  }

  /** Highest usable IOVA: a first-stage address must be canonical and positive, which costs a bit. */
  get apertureLast(): U64 {
    const bits = this.firstLevel && this.domainIds.size > 0 ? this.addressWidth - 1 : this.addressWidth;
    return u64FromPfn(2 ** (bits - 12) - 1, 0xfff);
  }

  get levels(): number {
    return this.table.levels;
  }

  /**
   * Pages the tables can hold entries for. Fewer than the address width allows on a domain that lost a level
   * to a narrow unit and was then attached to a wide one. Linux: domain_pfn_supported().
   */
  get reachablePages(): number {
    return 2 ** Math.min(this.addressWidth - 12, 9 * this.levels);
  }

  get rootFrame(): number {
    return this.table.rootFrame;
  }

  get tableBytes(): number {
    return this.table.tableFrames * 4096;
  }

  get mappedBytes(): number {
    return this.table.mappedPages * 4096;
  }

  get subject(): KernelSubject {
    return { kind: 'Domain', number: this.number };
  }

  /** Mapped ranges in IOVA order, from one page to another (inclusive), neighbours merged. */
  *mappings(fromPfn?: number, toPfn?: number): Generator<MappedRange> {
    for (const range of this.mappingsInGoes(fromPfn, toPfn)) if (range !== null) yield range;
  }

  /** The same for who has others to serve: null stands between two goes. */
  *mappingsInGoes(fromPfn = 0, toPfn = 2 ** 45 - 1): Generator<MappedRange | null, void> {
    let left = LEAVES_A_GO;
    let run: { pfn: number; physicalPfn: number; pages: number; leaf: number; flags: number } | null = null;
    for (const leaf of this.table.leaves(fromPfn, toPfn)) {
      if (--left === 0) {
        yield null;
        left = LEAVES_A_GO;
      }
      const continues =
        run !== null &&
        run.leaf === leaf.pages &&
        (run.flags & 3) === (leaf.flags & 3) &&
        run.pfn + run.pages === leaf.pfn &&
        run.physicalPfn + run.pages === leaf.physicalPfn;
      if (run !== null && continues) {
        run.pages += leaf.pages;
        continue;
      }
      if (run !== null) yield this.rangeOf(run);
      run = { ...leaf, leaf: leaf.pages };
    }
    if (run !== null) yield this.rangeOf(run);
  }

  private rangeOf(run: { pfn: number; physicalPfn: number; pages: number; leaf: number; flags: number }) {
    return {
      iova: u64FromPfn(run.pfn),
      physical: u64FromPfn(run.physicalPfn),
      size: run.pages * 4096,
      pageSize: run.leaf * 4096,
      // First-stage bit 0 is P: whatever is present can be read.
      read: (run.flags & 1) !== 0,
      write: (run.flags & 2) !== 0,
    };
  }
}
