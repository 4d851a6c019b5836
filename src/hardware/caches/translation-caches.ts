import { ContextCache } from './context-cache.js';
import { Iotlb } from './iotlb.js';
import { PagingStructureCache } from './paging-structure-cache.js';
import { PasidCache } from './pasid-cache.js';
import { SecondStageRoutes } from './second-stage-routes.js';

/**
 * What a unit remembers of the tables. Nothing here notices a change in memory: an entry stays until an
 * invalidation drops it or another entry needs its place. Spec: VT-d 6.2 "Caching of Translation Structures".
 */
export class TranslationCaches {
  readonly routes = new SecondStageRoutes();
  readonly context = new ContextCache(this.routes);
  readonly pasid = new PasidCache(this.routes);
  readonly iotlb = new Iotlb();
  readonly pagingStructure = new PagingStructureCache();

  /** Drops everything, as on reset, and on SRTP of units with ESRTPS. */
  invalidateAll(): number {
    return (
      this.context.invalidateAll() +
      this.pasid.invalidateAll() +
      this.iotlb.invalidateAll() +
      this.pagingStructure.invalidateAll()
    );
  }
}
