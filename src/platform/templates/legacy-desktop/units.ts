import type { UnitDescription } from '../../../firmware/description.js';
import { parseHex, u64 } from '../../../bits/u64.js';
import type { DmarSpec } from '../../../firmware/dmar/build.js';
import { endpointScope, hpetScope, ioApicScope } from '../scopes.js';

const GRAPHICS_UNIT = u64(0, 0xfed90000);
const OTHER_UNIT = u64(0, 0xfed91000);
/** 1:0. Linux prints major and minor. */
const VERSION = 0x10;

/**
 * Register values that machines of this generation log. The graphics unit has no large pages, and its
 * ECAP still has the extended contexts (bit 24) that preceded scalable mode, so PASID, PRS, NEST,
 * MTS and EAFS are set without SMTS: legal then, not in the present revision.
 */
export const UNITS: readonly UnitDescription[] = [
  {
    registerBase: GRAPHICS_UNIT,
    capability: parseHex('1c0000c40660462')!,
    extendedCapability: parseHex('19e2ff0505e')!,
    version: VERSION,
  },
  {
    registerBase: OTHER_UNIT,
    capability: parseHex('d2008c40660462')!,
    extendedCapability: parseHex('f050da')!,
    version: VERSION,
  },
];

/** Laid out as the tables of such machines are; addresses of the reserved regions from one of them. */
export const DMAR: DmarSpec = {
  hostAddressWidth: 39,
  interruptRemapping: true,
  oemId: 'INTEL',
  oemTableId: 'SKL',
  structures: [
    {
      kind: 'DRHD',
      includeAll: false,
      segment: 0,
      registerBase: GRAPHICS_UNIT,
      size: 0,
      scopes: [endpointScope('00:02.0')],
    },
    {
      kind: 'DRHD',
      includeAll: true,
      segment: 0,
      registerBase: OTHER_UNIT,
      size: 0,
      scopes: [ioApicScope(2), hpetScope(0)],
    },
    {
      kind: 'RMRR',
      segment: 0,
      base: u64(0, 0xab48d000),
      last: u64(0, 0xab4acfff),
      scopes: [endpointScope('00:14.0')],
    },
    {
      kind: 'RMRR',
      segment: 0,
      base: u64(0, 0xad800000),
      last: u64(0, 0xafffffff),
      scopes: [endpointScope('00:02.0')],
    },
  ],
};
