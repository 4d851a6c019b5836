import type { InterruptEntryCacheInvalidation } from '../../layout/invalidation/index.js';
import { type Invalidated, type InvalidationTarget, invalidated } from './target.js';

/** Drops cached interrupt remapping entries. Spec: VT-d 6.5.2.7 "Interrupt Entry Cache Invalidate". */
export function invalidateInterruptEntryCache(
  target: InvalidationTarget,
  what: InterruptEntryCacheInvalidation,
): Invalidated {
  const { interruptEntries, capabilities } = target;
  const descriptor = 'INTERRUPT_ENTRY_CACHE';
  if (!what.selective) {
    return invalidated({ descriptor, granularity: 'GLOBAL', dropped: interruptEntries.invalidateAll() });
  }
  // Spec: MHMV is the largest mask the unit takes.
  if (what.indexMask > capabilities.MHMV) return invalidated({ descriptor, refused: true });
  return invalidated({ descriptor, dropped: interruptEntries.invalidateIndices(what.index, what.indexMask) });
}
