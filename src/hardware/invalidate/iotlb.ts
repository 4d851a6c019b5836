import { IOTLB_GRANULARITY, type IotlbInvalidation } from '../../layout/invalidation/index.js';
import { describeRange } from './range.js';
import { type Invalidated, type InvalidationTarget, invalidated } from './target.js';

/**
 * Drops cached translations and the paging structures above them. Draining needs nothing here: no request
 * is ever under way while a descriptor runs.
 * Spec: VT-d 6.5.2.3 "IOTLB Invalidate".
 */
export function invalidateIotlb(target: InvalidationTarget, what: IotlbInvalidation): Invalidated {
  const { iotlb, pagingStructure } = target.caches;
  const { granularity, domainId, pfn, addressMask, keepStructure } = what;
  const descriptor = 'IOTLB';
  switch (granularity) {
    case IOTLB_GRANULARITY.GLOBAL: {
      const dropped = iotlb.invalidateAll() + pagingStructure.invalidateAll();
      return invalidated({ descriptor, granularity: 'GLOBAL', dropped });
    }
    case IOTLB_GRANULARITY.DOMAIN: {
      const dropped = iotlb.invalidateDomain(domainId) + pagingStructure.invalidateDomain(domainId);
      return invalidated({ descriptor, granularity: 'DOMAIN', domainIdTag: domainId, dropped });
    }
    case IOTLB_GRANULARITY.PAGE: {
      const scope = {
        descriptor,
        granularity: 'PAGE',
        domainIdTag: domainId,
      } as const;
      // Spec: without PSI, or above MAMV, the descriptor is not valid; its range then means nothing.
      if (!target.capabilities.PSI || addressMask > target.capabilities.MAMV) {
        return invalidated({ ...scope, refused: true });
      }
      const dropped =
        iotlb.invalidatePages(domainId, pfn, addressMask, keepStructure) +
        pagingStructure.invalidatePages(domainId, pfn, addressMask, keepStructure);
      return invalidated({ ...scope, ...describeRange(what), dropped });
    }
    default:
      return invalidated({ descriptor, refused: true });
  }
}
