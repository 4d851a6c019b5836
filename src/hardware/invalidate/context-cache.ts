import { CONTEXT_GRANULARITY, type ContextCacheInvalidation } from '../../layout/invalidation/index.js';
import { type Invalidated, type InvalidationTarget, invalidated } from './target.js';

/**
 * Drops context-cache entries. In scalable mode entries carry no domain id: a domain request is performed
 * as a global one, and a device request looks at the source id alone.
 * Spec: VT-d 6.5.2.1 "Context-Cache Invalidate".
 */
export function invalidateContextCache(
  target: InvalidationTarget,
  what: ContextCacheInvalidation,
): Invalidated {
  const { context } = target.caches;
  const { granularity, domainId, sourceId, functionMask } = what;
  const descriptor = 'CONTEXT_CACHE';
  switch (granularity) {
    case CONTEXT_GRANULARITY.GLOBAL:
      return invalidated({ descriptor, granularity: 'GLOBAL', dropped: context.invalidateAll() });
    case CONTEXT_GRANULARITY.DOMAIN: {
      const dropped = target.isScalable ? context.invalidateAll() : context.invalidateDomain(domainId);
      return invalidated({ descriptor, granularity: 'DOMAIN', domainIdTag: domainId, dropped });
    }
    case CONTEXT_GRANULARITY.DEVICE: {
      const tag = target.isScalable ? null : domainId;
      const dropped = context.invalidateDevice(sourceId, functionMask, tag);
      return invalidated({ descriptor, granularity: 'DEVICE', domainIdTag: domainId, sourceId, dropped });
    }
    default:
      return invalidated({ descriptor, refused: true });
  }
}
