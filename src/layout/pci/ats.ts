import { readConfigSpace } from './config-space.js';

export const ATS_CONTROL_OFFSET = 6;
export const ATS_ENABLE = 0x8000;

/** Spec: PCI Express 10.5.1 "ATS Extended Capability". */
export interface AtsCapability {
  readonly offset: number;
  /** Invalidations the device can queue; 1 to 32. */
  readonly queueDepth: number;
  readonly pageAlignedRequest: boolean;
  readonly globalInvalidate: boolean;
  readonly enabled: boolean;
  /** Smallest translation unit: 2^stu pages of 4 KiB. */
  readonly smallestTranslationUnit: number;
}

export function decodeAts(config: Uint8Array, offset: number): AtsCapability {
  const capability = readConfigSpace(config, offset + 4, 2);
  const control = readConfigSpace(config, offset + ATS_CONTROL_OFFSET, 2);
  return {
    offset,
    // The field counts to 31; zero stands for 32.
    queueDepth: (capability & 0x1f) === 0 ? 32 : capability & 0x1f,
    pageAlignedRequest: (capability & 0x20) !== 0,
    globalInvalidate: (capability & 0x40) !== 0,
    enabled: (control & ATS_ENABLE) !== 0,
    smallestTranslationUnit: control & 0x1f,
  };
}
