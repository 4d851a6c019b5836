import type { UnitCapabilities } from '../../layout/capability.js';

/** The capabilities translation asks for again and again. */
export type Rules = Pick<
  UnitCapabilities,
  | 'SMTS'
  | 'ADMS'
  | 'CM'
  | 'DT'
  | 'PT'
  | 'ZLR'
  | 'NWFS'
  | 'ERS'
  | 'EAFS'
  | 'SMPWCS'
  | 'RPS'
  | 'RPRIVS'
  | 'SAGAW'
  | 'pasidBits'
  | 'maxGuestAddressWidth'
  | 'majorVersion'
>;

/**
 * Copies them out of the full set. That one has some seventy properties, too many for an engine to keep as
 * anything but a hash table, and a look into it would cost more than a level of a walk.
 */
export function rulesOf(of: UnitCapabilities): Rules {
  return {
    SMTS: of.SMTS,
    ADMS: of.ADMS,
    CM: of.CM,
    DT: of.DT,
    PT: of.PT,
    ZLR: of.ZLR,
    NWFS: of.NWFS,
    ERS: of.ERS,
    EAFS: of.EAFS,
    SMPWCS: of.SMPWCS,
    RPS: of.RPS,
    RPRIVS: of.RPRIVS,
    SAGAW: of.SAGAW,
    pasidBits: of.pasidBits,
    maxGuestAddressWidth: of.maxGuestAddressWidth,
    majorVersion: of.majorVersion,
  };
}
