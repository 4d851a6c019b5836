import { PASID_CACHE_GRANULARITY, type PasidCacheInvalidation } from '../../layout/invalidation/index.js';
import { type Invalidated, type InvalidationTarget, invalidated } from './target.js';

/** Drops PASID-cache entries. Spec: VT-d 6.5.2.2 "PASID-cache Invalidate". */
export function invalidatePasidCache(target: InvalidationTarget, what: PasidCacheInvalidation): Invalidated {
  const { pasid: cache } = target.caches;
  const { granularity, domainId, pasid } = what;
  const descriptor = 'PASID_CACHE';
  switch (granularity) {
    case PASID_CACHE_GRANULARITY.GLOBAL:
      return invalidated({ descriptor, granularity: 'GLOBAL', dropped: cache.invalidateAll() });
    case PASID_CACHE_GRANULARITY.DOMAIN: {
      const dropped = cache.invalidateDomain(domainId);
      return invalidated({ descriptor, granularity: 'DOMAIN', domainIdTag: domainId, dropped });
    }
    case PASID_CACHE_GRANULARITY.PASID: {
      const dropped = cache.invalidatePasid(domainId, pasid);
      return invalidated({ descriptor, granularity: 'PASID', domainIdTag: domainId, pasid, dropped });
    }
    default:
      return invalidated({ descriptor, refused: true });
  }
}
