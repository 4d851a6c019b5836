import type { U64 } from '../../bits/u64.js';

export type ReservedRegionType = 'DIRECT' | 'DIRECT_RELAXABLE' | 'RESERVED' | 'MSI' | 'SW_MSI';

/** A range an endpoint's address space must treat specially; `last` is inclusive. */
export interface ReservedRegion {
  readonly start: U64;
  readonly last: U64;
  readonly type: ReservedRegionType;
  readonly read: boolean;
  readonly write: boolean;
}
