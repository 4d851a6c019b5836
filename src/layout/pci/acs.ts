import { readConfigSpace } from './config-space.js';

/** Access control bits, at the same place in capability and control. Spec: PCI Express 7.7.11 "ACS Extended Capability". */
export const ACS = {
  sourceValidation: 0x01,
  translationBlocking: 0x02,
  requestRedirect: 0x04,
  completionRedirect: 0x08,
  upstreamForwarding: 0x10,
  egressControl: 0x20,
  directTranslated: 0x40,
} as const;

export const ACS_CAPABILITY_OFFSET = 4;
export const ACS_CONTROL_OFFSET = 6;

/** Short names, lowest bit first, as `lspci` prints them without the sign. */
export const ACS_NAMES: readonly (readonly [number, string])[] = [
  [ACS.sourceValidation, 'SrcValid'],
  [ACS.translationBlocking, 'TransBlk'],
  [ACS.requestRedirect, 'ReqRedir'],
  [ACS.completionRedirect, 'CmpltRedir'],
  [ACS.upstreamForwarding, 'UpstreamFwd'],
  [ACS.egressControl, 'EgressCtrl'],
  [ACS.directTranslated, 'DirectTrans'],
];

export interface AcsCapability {
  readonly offset: number;
  /** {@link ACS} bits the function implements. */
  readonly capability: number;
  /** {@link ACS} bits switched on. */
  readonly control: number;
}

export function decodeAcs(config: Uint8Array, offset: number): AcsCapability {
  return {
    offset,
    capability: readConfigSpace(config, offset + ACS_CAPABILITY_OFFSET, 2),
    control: readConfigSpace(config, offset + ACS_CONTROL_OFFSET, 2),
  };
}

export function acsNames(bits: number): string[] {
  return ACS_NAMES.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

/**
 * Root ports of the 100 and 200 series and of 7th and 8th generation mobile chipsets lay the capability
 * out in double words, against the specification: capability at +4, control at +8.
 * Source: Intel 100 Series Chipset Family specification update, erratum 23.
 */
export function hasWideAcsRegisters(vendorId: number, deviceId: number): boolean {
  if (vendorId !== 0x8086) return false;
  return WIDE_ACS_DEVICES.some(([first, last]) => deviceId >= first && deviceId <= last);
}

export const WIDE_ACS_CONTROL_OFFSET = 8;

const WIDE_ACS_DEVICES: readonly (readonly [number, number])[] = [
  [0x9d10, 0x9d1b],
  [0xa110, 0xa11f],
  [0xa167, 0xa16a],
  [0xa290, 0xa29f],
  [0xa2e7, 0xa2ee],
];
