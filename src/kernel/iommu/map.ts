import {
  addOverflows,
  equalU64,
  pfnOf,
  toHexDigits,
  type U64,
  ZERO,
  addU64,
  u64FromPfn,
} from '../../bits/u64.js';
import { KernelError } from '../errno.js';
import {
  FEW_PAGES,
  entryFlags,
  hearsOfMaps,
  intelMap,
  intelMapFew,
  notifyUnits,
  requireMappable,
} from '../intel/map.js';
import type { MapReport } from '../intel/page-table.js';
import type { Domain } from './domain.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { Every, type Steps } from '../steps.js';
import { unsafe } from '../unsafe.js';
import { mayTellTooMuch, requireTellable } from './map-limit.js';
import { chunkOrder } from './page-size.js';
import { CHUNKS_PER_STEP, unmap } from './unmap.js';

/** 4 KiB pages one leaf table has entries for. */
const TABLE_PAGES = 512;

/** A range to map. */
export interface MapRequest {
  readonly iova: U64;
  readonly physical: U64;
  readonly size: U64;
  readonly read: boolean;
  readonly write: boolean;
  /** IOMMU_CACHE: snooped accesses, where every unit can force them. */
  readonly cache?: boolean;
}

/** Leaf entries of one size. */
export interface PageCount {
  readonly pageSize: number;
  readonly count: number;
}

/**
 * Maps a range: cut into the largest naturally aligned chunks, each handed to the driver. When a chunk
 * fails, those before it are unmapped again, and with them what was mapped there before. An entry already there wins, without an error.
 * Linux: iommu_map(), __iommu_map().
 */
export function* map(state: KernelState, domain: Domain, request: MapRequest): Steps<PageCount[]> {
  const { iova, physical, size, read, write } = request;
  requirePaging(domain);
  requireAligned(state, request);
  const pages = pfnOf(size);
  if (pages === 0) return [];
  if (addOverflows(iova, size) && !equalU64(addU64(iova, size), ZERO)) {
    throw unsafe('__domain_mapping', 'the range wraps around, which the driver answers with BUG().');
  }
  const start = pfnOf(iova);
  const target = pfnOf(physical);
  const flags = entryFlags(state.profile, domain, request);
  requireMappable(domain, start, target, pages);

  const each = !state.profile.gathersMapFlushes;
  const joins = !each || !hearsOfMaps(domain);
  if (mayTellTooMuch(state, domain, !joins))
    yield* requireTellable(state, domain, { pfn: start, physicalPfn: target, pages }, !joins);

  const isSmall = domain.superpageLevels === 0 || (start - target) % TABLE_PAGES !== 0;
  if (isSmall && pages > TABLE_PAGES)
    yield* state.memory.reach(state.frames.reachOf(Math.ceil(pages / TABLE_PAGES)));

  const report: MapReport = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
  const chunkAt = (done: number) =>
    2 ** chunkOrder(domain.pageSizeBitmap, start + done, target + done, pages - done);
  // Where nobody hears of single chunks and each lies within one table they are one call, up to where the address is
  // too wide: what can fail is a table, before the first chunk in it.
  const joined = joins && (start - target) % TABLE_PAGES !== 0 ? 2 ** (domain.addressWidth - 12) - start : 0;
  const rest = new Every(CHUNKS_PER_STEP);
  for (let done = 0; done < pages;) {
    const isJoined = done < joined;
    const chunk = isJoined ? Math.min(pages, joined) - done : chunkAt(done);
    const highest = domain.highestMappedEnd;
    try {
      if (chunk <= FEW_PAGES) intelMapFew(state, domain, start + done, target + done, chunk, flags, report);
      else yield* intelMap(state, domain, start + done, target + done, chunk, flags, report);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      if (isJoined) {
        done = report.pages;
        domain.highestMappedEnd = Math.max(highest, start + done + chunkAt(done));
      }
      if (done > 0) yield* unmap(state, domain, { iova, size: u64FromPfn(done) });
      throw error;
    }
    if (each) notifyUnits(state, domain, { pfn: start + done, pages: chunk });
    done += chunk;
    if (rest.isOver) yield;
  }
  if (!each) notifyUnits(state, domain, { pfn: start, pages });
  state.emit({ type: 'MAPPING', mapped: true, domain: domain.number, iova, physical, size, read, write });
  return [1, 2, 3].flatMap((level) =>
    report.written[level] === 0 ? [] : { pageSize: 4096 * 512 ** (level - 1), count: report.written[level] },
  );
}

function requirePaging(domain: Domain): void {
  if (domain.isPaging) return;
  const rule = `Domain ${domain.number} is of type ${domain.type}, which has no mappings.`;
  throw new KernelError('EINVAL', '__iommu_map', rule, [
    { code: 'DOMAIN_TYPE', message: rule, subject: domain.subject, remedy: null },
  ]);
}

function requireAligned(state: KernelState, { iova, physical, size }: MapRequest): void {
  if (((iova.lo | physical.lo | size.lo) & 0xfff) === 0) return;
  const physicalDigits = toHexDigits(physical).padStart(16, '0');
  const what = `unaligned: iova 0x${toHexDigits(iova)} pa 0x${physicalDigits} size 0x${toHexDigits(size)} min_pagesz 0x1000`;
  state.log.print(`iommu: ${what}`);
  throw refusal('EINVAL', '__iommu_map', `Addresses and size must be multiples of 4096: ${what}.`, {
    code: 'INVALID_ARGUMENT',
  });
}
