import { parseHex, u64 } from '../../../bits/u64.js';
import type { UnitDescription } from '../../../firmware/description.js';
import type { DmarSpec } from '../../../firmware/dmar/build.js';
import { endpointScope, hpetScope, ioApicScope } from '../scopes.js';

const ACCELERATOR_UNIT = u64(0, 0xfed90000);
const OTHER_UNIT = u64(0, 0xfed91000);

/** Registers of the Sapphire Rapids template's INCLUDE_ALL unit, so that domains get second-stage tables. */
export const UNITS: readonly UnitDescription[] = [ACCELERATOR_UNIT, OTHER_UNIT].map((registerBase) => ({
  registerBase,
  capability: parseHex('19ed008c40780c66')!,
  extendedCapability: parseHex('36f9aa2f050df')!,
  version: 0x60,
}));

/** Together they take all of segment 0. Segment 1 is the second vendor's, and no DMAR table speaks of it. */
export const DMAR: DmarSpec = {
  hostAddressWidth: 46,
  interruptRemapping: true,
  oemId: 'INTEL',
  oemTableId: 'INTEL ID',
  structures: [
    {
      kind: 'DRHD',
      includeAll: false,
      segment: 0,
      registerBase: ACCELERATOR_UNIT,
      size: 0,
      scopes: [endpointScope('6a:01.0')],
    },
    {
      kind: 'DRHD',
      includeAll: true,
      segment: 0,
      registerBase: OTHER_UNIT,
      size: 0,
      scopes: [ioApicScope(8), hpetScope(0)],
    },
    {
      kind: 'SATC',
      atcRequired: false,
      segment: 0,
      scopes: [endpointScope('6a:01.0')],
    },
  ],
};
