/**
 * A kind of PCI function: its ids, its name as a listing with a current id database gives it, and the
 * driver that claims it.
 */
export interface Chip {
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24 bits: base class, subclass, programming interface. */
  readonly classCode: number;
  readonly revision: number;
  readonly name: string;
  /** Null when no driver claims it. */
  readonly driver: string | null;
}

/** Vendors of the templates, as the id database names them. */
export const VENDORS: Readonly<Record<number, string>> = {
  0x1000: 'Broadcom / LSI',
  0x1022: 'Advanced Micro Devices, Inc. [AMD]',
  0x10b5: 'PLX Technology, Inc.',
  0x10de: 'NVIDIA Corporation',
  0x1415: 'Oxford Semiconductor Ltd',
  0x144d: 'Samsung Electronics Co Ltd',
  0x14e4: 'Broadcom Inc. and subsidiaries',
  0x15ad: 'VMware',
  0x1912: 'Renesas Electronics Corp.',
  0x1a03: 'ASPEED Technology, Inc.',
  0x8086: 'Intel Corporation',
};
