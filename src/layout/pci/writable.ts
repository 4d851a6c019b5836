import { hasWideAcsRegisters, WIDE_ACS_CONTROL_OFFSET } from './acs.js';
import { readConfigSpace } from './config-space.js';
import type { CapabilityEntry } from './capabilities.js';
import { CAPABILITY, EXTENDED_CAPABILITY } from './capability-ids.js';

/** How writes act on each byte of a configuration space; bits in neither mask are read-only. */
export interface WriteMasks {
  readonly writable: Uint8Array;
  /** Bits that a written one clears. */
  readonly clearedByOne: Uint8Array;
}

/**
 * The masks of one function: the header by its kind, and the control and status words of capabilities
 * that software writes to drive remapping (PCIe, MSI, ACS, ATS, PRI, PASID, SR-IOV). Control bits are
 * writable only as far as the capability beside them says they are implemented. Base addresses are
 * read-only: how many of their bits are wired is not known from a dump, and nothing here moves them.
 */
export function writeMasks(
  config: Uint8Array,
  standard: readonly CapabilityEntry[],
  extended: readonly CapabilityEntry[],
): WriteMasks {
  const writable = new Uint8Array(config.length);
  const clearedByOne = new Uint8Array(config.length);
  const put = (mask: Uint8Array, offset: number, bytes: number, bits: number): void => {
    for (let i = 0; i < bytes && offset + i < mask.length; i++) mask[offset + i] |= (bits >>> (8 * i)) & 0xff;
  };
  const isBridge = (readConfigSpace(config, 0x0e, 1) & 0x7f) !== 0;

  put(writable, 0x04, 2, 0x07ff);
  put(clearedByOne, 0x06, 2, 0xf900);
  put(writable, 0x0c, 2, 0xffff);
  put(writable, 0x3c, 1, 0xff);
  if (isBridge) {
    put(writable, 0x18, 4, 0xffffffff);
    put(writable, 0x1c, 2, 0xf0f0);
    put(clearedByOne, 0x1e, 2, 0xf900);
    put(writable, 0x20, 4, 0xfff0fff0);
    put(writable, 0x24, 4, 0xfff0fff0);
    put(writable, 0x28, 4, 0xffffffff);
    put(writable, 0x2c, 4, 0xffffffff);
    put(writable, 0x3e, 2, 0x0fff);
  }
  for (const { id, offset } of standard) {
    if (id === CAPABILITY.powerManagement) put(writable, offset + 4, 2, 0x0103);
    if (id === CAPABILITY.msi) {
      const control = readConfigSpace(config, offset + 2, 2);
      put(writable, offset + 2, 2, 0x0071);
      put(writable, offset + 4, 4, 0xfffffffc);
      if ((control & 0x80) !== 0) put(writable, offset + 8, 4, 0xffffffff);
      put(writable, offset + ((control & 0x80) !== 0 ? 12 : 8), 2, 0xffff);
    }
    if (id === CAPABILITY.msiX) put(writable, offset + 2, 2, 0xc000);
    if (id === CAPABILITY.express) {
      put(writable, offset + 8, 2, 0x7fff);
      put(clearedByOne, offset + 10, 2, 0x000f);
      put(writable, offset + 0x10, 2, 0x0ffb);
      if ((readConfigSpace(config, offset + 2, 1) & 0xf) >= 2) put(writable, offset + 0x28, 2, 0x7fff);
    }
  }
  for (const { id, offset } of extended) {
    const capability = readConfigSpace(config, offset + 4, 2);
    if (id === EXTENDED_CAPABILITY.accessControlServices) {
      const isWide = hasWideAcsRegisters(readConfigSpace(config, 0, 2), readConfigSpace(config, 2, 2));
      // A description without the real layout may have put another capability where the register would be.
      if (isWide && extended.some((other) => other.offset === offset + WIDE_ACS_CONTROL_OFFSET)) continue;
      if (isWide) {
        put(writable, offset + WIDE_ACS_CONTROL_OFFSET, 2, capability & 0x7f);
        continue;
      }
      put(writable, offset + 6, 2, capability & 0x7f);
      if ((capability & 0x20) !== 0) put(writable, offset + 8, 4, 0xffffffff);
    }
    if (id === EXTENDED_CAPABILITY.addressTranslationServices) put(writable, offset + 6, 2, 0x801f);
    if (id === EXTENDED_CAPABILITY.pageRequestInterface) {
      put(writable, offset + 4, 2, 0x0001);
      put(clearedByOne, offset + 6, 2, 0x0003);
      put(writable, offset + 0xc, 4, 0xffffffff);
    }
    if (id === EXTENDED_CAPABILITY.pasid) put(writable, offset + 6, 2, 0x0001 | (capability & 0x0006));
    if (id === EXTENDED_CAPABILITY.singleRootIov) {
      put(writable, offset + 8, 2, 0x001f);
      put(clearedByOne, offset + 10, 2, 0x0001);
      put(writable, offset + 0x10, 2, 0xffff);
      put(writable, offset + 0x20, 4, 0xffffffff);
    }
  }
  return { writable, clearedByOne };
}
