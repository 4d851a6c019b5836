/**
 * Names that lspci prints for one vendor id only, of those whose devices are met most. A listing without
 * numbers still tells the vendor by them, which some rules of isolation ask for. Source: the PCI ID list.
 */
const VENDORS: Readonly<Record<string, number>> = {
  'Intel Corporation': 0x8086,
  'Intel Corp.': 0x8086,
  'Advanced Micro Devices, Inc. [AMD]': 0x1022,
  'Advanced Micro Devices, Inc. [AMD/ATI]': 0x1002,
  'NVIDIA Corporation': 0x10de,
  'Realtek Semiconductor Co., Ltd.': 0x10ec,
  'ASMedia Technology Inc.': 0x1b21,
  'Mellanox Technologies': 0x15b3,
  'Samsung Electronics Co Ltd': 0x144d,
  'Marvell Technology Group Ltd.': 0x11ab,
  'MEDIATEK Corp.': 0x14c3,
  'ASPEED Technology, Inc.': 0x1a03,
  Zhaoxin: 0x1d17,
};

/** The id behind a vendor's name; null for names not known to stand for one. */
export function vendorIdOfName(name: string | null): number | null {
  return name !== null && Object.hasOwn(VENDORS, name) ? VENDORS[name] : null;
}
