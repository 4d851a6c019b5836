import { PASID_IOTLB_GRANULARITY, type PasidIotlbInvalidation } from '../../layout/invalidation/index.js';
import { describeRange } from './range.js';
import { type Invalidated, type InvalidationTarget, invalidated } from './target.js';

/** Drops cached translations of one PASID. Spec: VT-d 6.5.2.4 "PASID-based-IOTLB Invalidate". */
export function invalidatePasidIotlb(target: InvalidationTarget, what: PasidIotlbInvalidation): Invalidated {
  const { iotlb, pagingStructure } = target.caches;
  const { granularity, domainId, pasid, pfn, addressMask, keepStructure } = what;
  const scope = { descriptor: 'PASID_IOTLB', domainIdTag: domainId, pasid } as const;
  switch (granularity) {
    case PASID_IOTLB_GRANULARITY.PASID: {
      const dropped =
        iotlb.invalidatePasid(domainId, pasid) + pagingStructure.invalidatePasid(domainId, pasid);
      return invalidated({ ...scope, granularity: 'PASID', dropped });
    }
    case PASID_IOTLB_GRANULARITY.PAGE: {
      const dropped =
        iotlb.invalidatePasidPages(domainId, pasid, pfn, addressMask, keepStructure) +
        pagingStructure.invalidatePasidPages(domainId, pasid, pfn, addressMask, keepStructure);
      return invalidated({ ...scope, granularity: 'PAGE', ...describeRange(what), dropped });
    }
    default:
      return invalidated({ ...scope, refused: true });
  }
}
