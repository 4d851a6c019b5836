import { type U64, equalU64, field, u64FromNumber, u64FromPfn } from '../bits/u64.js';
import type { CacheEntry } from './caches/cache-entry.js';
import type { DeviceTlb, DeviceTlbEntry } from './caches/device-tlb.js';
import type { DmaRequest, PageAccess, WalkLevel, WalkTrace } from './request.js';
import { traceRequest } from './translate/trace.js';
import type { TranslationContext } from './translate/context.js';

export type UnitCacheKind = CacheEntry['kind'] | 'DEVICE_TLB';

/** A cached entry, and whether the tables still say the same. */
export interface CacheEntryView {
  readonly kind: UnitCacheKind;
  readonly sourceId: number;
  readonly domainId: number | null;
  readonly pasid: number | null;
  readonly address: U64 | null;
  readonly pageSize: number | null;
  /** Where it leads: a page, or the next table. */
  readonly target: U64 | null;
  readonly access: readonly ('READ' | 'WRITE' | 'EXECUTE')[];
  /** True when walking the tables now would give another answer. */
  readonly stale: boolean;
}

const READ_ONLY = { read: true, write: false, privileged: false };
const WRITE_ONLY = { read: false, write: true, privileged: false };

interface CacheViewHost extends TranslationContext {
  deviceTlbs(): Iterable<readonly [sourceId: number, tlb: DeviceTlb]>;
}

/** The first `limit` entries of one cache, or of all when `kind` is null. */
export function viewCacheEntries(
  host: CacheViewHost,
  kind: UnitCacheKind | null,
  limit: number,
): CacheEntryView[] {
  const views: CacheEntryView[] = [];
  const { context, pasid, iotlb, pagingStructure } = host.caches;
  for (const cache of [context, pasid, iotlb, pagingStructure]) {
    for (const entry of cache.entries()) {
      if (views.length >= limit) return views;
      if (kind !== null && kind !== entry.kind) break;
      views.push(viewOf(entry, isStale(host, entry)));
    }
  }
  if (kind !== null && kind !== 'DEVICE_TLB') return views;
  for (const [sourceId, tlb] of host.deviceTlbs()) {
    for (const entry of tlb.entries()) {
      if (views.length >= limit) return views;
      views.push(deviceView(host, sourceId, entry));
    }
  }
  return views;
}

function viewOf(entry: CacheEntry, stale: boolean): CacheEntryView {
  const { kind, sourceId, domainId, pasid, address, pageSize, target } = entry;
  return {
    kind,
    sourceId,
    domainId,
    pasid,
    address,
    pageSize,
    target: target === null ? null : u64FromNumber(target),
    access: accessList(entry.access),
    stale,
  };
}

function deviceView(host: CacheViewHost, sourceId: number, entry: DeviceTlbEntry): CacheEntryView {
  const { pasid, pfn, pagesLg2, targetPfn } = entry;
  const address = u64FromPfn(pfn);
  const now = traceRequest(host, {
    ...probe(sourceId, pasid, address, entry),
    addressType: 'TRANSLATION_REQUEST',
    // What the device asked for: a unit with NWFS grants no write to one that wants none.
    noWrite: !entry.write,
  });
  return {
    kind: 'DEVICE_TLB',
    sourceId,
    domainId: null,
    pasid,
    address,
    pageSize: 2 ** (12 + pagesLg2),
    target: u64FromPfn(targetPfn),
    access: accessList(entry),
    stale: !stillGrants(now, targetPfn * 4096, entry),
  };
}

function isStale(host: CacheViewHost, entry: CacheEntry): boolean {
  const { sourceId, pasid } = entry;
  const address = entry.address ?? u64FromNumber(0);
  switch (entry.kind) {
    case 'CONTEXT':
      return !sameWords(traceRequest(host, probe(sourceId, null, address)), 'CONTEXT', entry.words);
    case 'PASID':
      return !sameWords(traceThrough(host, sourceId, pasid, address), 'PASID', entry.words);
    case 'IOTLB': {
      const now = traceRequest(host, probe(sourceId, pasid, address, entry.access));
      // Caching mode: what is cached is that there was no page.
      if (entry.access !== null && !entry.access.read && !entry.access.write)
        return now.result.kind === 'TRANSLATED';
      return !stillGrants(now, entry.target ?? 0, entry.access);
    }
    case 'PAGING_STRUCTURE':
      // Tried both ways: a walk stops early where the tables above grant only the other.
      return ![READ_ONLY, WRITE_ONLY].some((access) =>
        leadsTo(traceRequest(host, probe(sourceId, pasid, address, access)), entry.target ?? 0),
      );
  }
}

/**
 * PASID-cache entries are tagged with RID_PASID for requests without PASID; sent as a request-with-PASID
 * that number is refused before the table is read, so such an entry is looked for without.
 */
function traceThrough(host: CacheViewHost, sourceId: number, pasid: number | null, address: U64): WalkTrace {
  const plain = traceRequest(host, probe(sourceId, null, address));
  const context = plain.steps.find(({ level }) => level === 'CONTEXT');
  const ridPasid = context === undefined || context.words.length < 2 ? null : field(context.words[1], 19, 0);
  return ridPasid === pasid ? plain : traceRequest(host, probe(sourceId, pasid, address));
}

function probe(
  sourceId: number,
  pasid: number | null,
  address: U64,
  access: Pick<PageAccess, 'read' | 'write' | 'privileged'> | null = null,
): DmaRequest {
  return {
    sourceId,
    pasid,
    address,
    type: access !== null && access.write && !access.read ? 'WRITE' : 'READ',
    addressType: 'UNTRANSLATED',
    privileged: access?.privileged ?? false,
    execute: false,
    noWrite: false,
    zeroLength: false,
  };
}

/** Whether the trace read this very entry at a level. */
function sameWords(now: WalkTrace, level: WalkLevel, words: readonly U64[]): boolean {
  const step = now.steps.find((each) => each.level === level);
  return (
    step !== undefined &&
    step.words.length > 0 &&
    step.words.every((word, index) => index >= words.length || equalU64(word, words[index]))
  );
}

/** Whether the trace ends at the same place with the same permissions. */
function stillGrants(now: WalkTrace, target: number, access: Omit<PageAccess, 'privileged'> | null): boolean {
  const { result } = now;
  return (
    result.kind === 'TRANSLATED' &&
    result.physical === target &&
    (access === null || (result.access.read === access.read && result.access.write === access.write))
  );
}

/** Whether the trace still finds the table of leaves at `target`, whatever the leaf says. */
function leadsTo(now: WalkTrace, target: number): boolean {
  return now.steps.some(
    ({ level, entryAddress }) =>
      (level === 'SL1' || level === 'FL1') && entryAddress - (entryAddress % 4096) === target,
  );
}

function accessList(
  access: Pick<PageAccess, 'read' | 'write' | 'execute'> | null,
): ('READ' | 'WRITE' | 'EXECUTE')[] {
  if (access === null) return [];
  const list: ('READ' | 'WRITE' | 'EXECUTE')[] = [];
  if (access.read) list.push('READ');
  if (access.write) list.push('WRITE');
  if (access.execute) list.push('EXECUTE');
  return list;
}
