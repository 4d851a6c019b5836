import type { HostFrame } from '../../bits/address.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { unsafe } from '../unsafe.js';
import { type PageRun, flushPages } from './flush-domain.js';
import { unitsOf } from './map.js';
import { levelPages } from './page-table-reader.js';

/** Entries that are gone, whose cached copies and tables are not yet. */
export interface Unmapped {
  readonly run: PageRun;
  readonly freed: readonly HostFrame[];
}

/**
 * Pages one chunk will take: at least what the entry spans where the walk ends, counted from the start of
 * the chunk. Refuses what the real driver does not survive: a range beyond the address width or the tables (BUG()), one
 * that begins or ends inside a large page (it would clear words of the memory behind it), and one that,
 * enlarged from a start in mid-span, would take unrelated mappings along.
 * Linux: intel_iommu_unmap().
 */
export function reachOfUnmap(domain: Domain, pfn: number, pages: number): number {
  const limit = domain.reachablePages;
  if (pfn >= limit) throw beyond(domain);
  const span = levelPages(domain.table.stopLevel(pfn));
  const reach = Math.max(pages, span);
  const last = pfn + reach - 1;
  if (domain.table.cutsLargePage(pfn, last)) {
    throw unsafe(
      'dma_pte_clear_level',
      `the range begins or ends inside a large page of domain ${domain.number}; the driver does not split it and would clear words of the memory it is mapped to.`,
      'Unmap whole large pages.',
    );
  }
  if (reach > pages && pfn % span !== 0) {
    const spanEnd = (Math.floor(pfn / span) + 1) * span;
    const [unrelated] = domain.table.leaves(spanEnd, last);
    if (unrelated !== undefined) {
      throw unsafe(
        'intel_iommu_unmap',
        `nothing is mapped there, so the driver enlarges the range to ${span} pages from its start, and would remove the mapping at page 0x${unrelated.pfn.toString(16)} too.`,
        'Unmap only what is mapped.',
      );
    }
  }
  if (last >= limit) throw beyond(domain);
  if (pfn === 0 && last === limit - 1) {
    throw unsafe(
      'domain_unmap',
      `the range is the whole address space of domain ${domain.number}: the driver frees the root table and goes on using it.`,
      'Unmap in two halves.',
    );
  }
  return reach;
}

/** Clears one chunk. */
export function* intelUnmap(domain: Domain, pfn: number, pages: number): Steps<Unmapped> {
  const reach = Math.max(pages, levelPages(domain.table.stopLevel(pfn)));
  const freed = yield* domain.table.clearInSteps(pfn, pfn + reach - 1);
  if (domain.highestMappedEnd === pfn + reach) domain.highestMappedEnd = pfn;
  return { run: { pfn, pages: reach }, freed };
}

/**
 * Flushes what was unmapped from every unit, then frees the tables. Several chunks are flushed as the one
 * range from the first to the last. Linux: iommu_flush_iotlb_psi() in intel_iommu_unmap(), intel_iommu_tlb_sync().
 */
export function syncUnmap(state: KernelState, domain: Domain, chunks: readonly Unmapped[]): void {
  const first = chunks[0].run;
  const last = chunks[chunks.length - 1].run;
  const run = { pfn: first.pfn, pages: last.pfn + last.pages - first.pfn };
  const leavesOnly = chunks.every((chunk) => chunk.freed.length === 0);
  for (const unit of unitsOf(domain))
    flushPages(state.profile, unit, domain, run, { mapped: false, leavesOnly });
  for (const chunk of chunks) domain.table.release(chunk.freed);
}

function beyond(domain: Domain) {
  return unsafe(
    'domain_unmap',
    `the range reaches beyond the ${12 + Math.log2(domain.reachablePages)} address bits the tables of domain ${domain.number} hold, which the driver answers with BUG().`,
  );
}
