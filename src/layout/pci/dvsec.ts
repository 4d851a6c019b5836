import { readConfigSpace } from './config-space.js';

/** Spec: PCI Express 7.9.6 "Designated Vendor-Specific Extended Capability". */
export interface DvsecCapability {
  readonly offset: number;
  readonly vendorId: number;
  readonly revision: number;
  /** Bytes, header included. */
  readonly length: number;
  readonly id: number;
}

export function decodeDvsec(config: Uint8Array, offset: number): DvsecCapability {
  const header = readConfigSpace(config, offset + 4, 4);
  return {
    offset,
    vendorId: header & 0xffff,
    revision: (header >>> 16) & 0xf,
    length: header >>> 20,
    id: readConfigSpace(config, offset + 8, 2),
  };
}

const INTEL_VENDOR_ID = 0x8086;
const SCALABLE_IOV_DVSEC_ID = 5;

/** Whether this is the capability that announces Scalable IOV. Linux: siov_find_pci_dvsec(). */
export function isScalableIov(dvsec: DvsecCapability): boolean {
  return dvsec.vendorId === INTEL_VENDOR_ID && dvsec.id === SCALABLE_IOV_DVSEC_ID;
}

/** Body of the Scalable IOV capability. Spec: Intel Scalable I/O Virtualization, "Device capability enumeration". */
export interface ScalableIovCapability {
  readonly offset: number;
  /** Page sizes the device's assignable interfaces can be laid out with, as a bit mask of 4 KiB << n. */
  readonly supportedPageSizes: number;
  readonly systemPageSize: number;
  /** Interrupt message storage exists. */
  readonly interruptMessageStorage: boolean;
}

export function decodeScalableIov(config: Uint8Array, offset: number): ScalableIovCapability {
  return {
    offset,
    supportedPageSizes: readConfigSpace(config, offset + 0x0c, 4),
    systemPageSize: readConfigSpace(config, offset + 0x10, 4),
    interruptMessageStorage: (readConfigSpace(config, offset + 0x14, 4) & 1) !== 0,
  };
}
