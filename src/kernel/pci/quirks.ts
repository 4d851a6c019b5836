/**
 * Devices whose isolation or requester id differs from what their configuration space says, as the kernel
 * knows them (Linux: drivers/pci/quirks.c). Kept are those that machines with x86 remapping hardware
 * can hold; root ports of ARM and LoongArch processors are left out.
 */

/** A vendor and device ids or ranges of them, both ends inclusive. */
export interface DeviceIds {
  readonly vendorId: number;
  readonly devices: readonly (number | readonly [number, number])[];
}

const INTEL = 0x8086;
const MARVELL = 0x1b4b;
const BROADCOM = 0x14e4;

export function matchesIds(ids: readonly DeviceIds[], vendorId: number, deviceId: number): boolean {
  return ids.some(
    (row) =>
      row.vendorId === vendorId &&
      row.devices.some((id) =>
        typeof id === 'number' ? id === deviceId : id[0] <= deviceId && deviceId <= id[1],
      ),
  );
}

/**
 * Multifunction endpoints whose vendor vouches that functions do not reach each other, although the
 * device has no ACS capability. Linux: pci_quirk_mf_endpoint_acs().
 */
export const ISOLATED_MULTIFUNCTION: readonly DeviceIds[] = [
  { vendorId: 0x1924, devices: [0x0903, 0x0923, 0x0a03] },
  {
    vendorId: INTEL,
    devices: [
      // 82598, 82599, X520, X540
      ...[0x10c6, 0x10db, 0x10dd, 0x10e1, 0x10f1, [0x10f7, 0x10fc] as const, 0x1507, 0x1514, 0x151c],
      ...[0x1529, 0x152a, 0x154d, 0x154f, 0x1551, 0x1558],
      // 82580
      ...[0x1509, [0x150e, 0x1511] as const, 0x1516, 0x1527],
      // 82576, 82575
      ...[0x10c9, [0x10e6, 0x10e8] as const, 0x150a, 0x150d, 0x1518, 0x1526, 0x10a7, 0x10a9, 0x10d6],
      // I350, 82571
      ...[[0x1521, 0x1524] as const, 0x105e, 0x105f, 0x1060, 0x10d9],
      // I219
      ...[0x15b7, 0x15b8],
    ],
  },
  { vendorId: 0x19a2, devices: [0x0710] },
  { vendorId: 0x10df, devices: [0x0720] },
  { vendorId: BROADCOM, devices: [0x16d7, [0x1750, 0x1752], [0x1760, 0x1763]] },
  { vendorId: 0x1d17, devices: [0x3038, 0x3104, 0x9083] },
];

/**
 * Network functions that send every peer request upstream, without a capability saying so.
 * Linux: pci_quirk_wangxun_nic_acs().
 */
export const WANGXUN_VENDOR_ID = 0x8088;
export const WANGXUN_NICS: readonly DeviceIds[] = [
  {
    vendorId: WANGXUN_VENDOR_ID,
    devices: [[0x0100, 0x010f], 0x1001, 0x2001, 0x5010, 0x5025, 0x5040, 0x5110, 0x5125, 0x5140],
  },
];

/**
 * Root ports of older Intel chipsets: no ACS capability, but peer cycles can be switched off in the
 * chipset and bus numbers checked in the port. Linux: pci_quirk_intel_pch_acs_match().
 */
export const INTEL_PCH_ROOT_PORTS: readonly DeviceIds[] = [
  {
    vendorId: INTEL,
    devices: [
      [0x3b42, 0x3b51],
      [0x1c10, 0x1c1f],
      [0x1e10, 0x1e1f],
      [0x8c10, 0x8c1f],
      [0x9c10, 0x9c1b],
      [0x9c90, 0x9c9b],
      ...[0x1d10, 0x1d12, 0x1d14, 0x1d16, 0x1d18, 0x1d1a, 0x1d1c, 0x1d1e],
      [0x8d10, 0x8d1e],
      ...[0x8c90, 0x8c92, 0x8c94, 0x8c96, 0x8c98, 0x8c9a, 0x8c9c, 0x8c9e],
    ],
  },
];

/** Root and downstream ports that isolate without the capability. Linux: pci_quirk_zhaoxin_pcie_ports_acs(). */
export const ZHAOXIN_VENDOR_ID = 0x1d17;
export const ZHAOXIN_PORTS: readonly DeviceIds[] = [
  { vendorId: ZHAOXIN_VENDOR_ID, devices: [[0x0710, 0x071e], 0x0721, [0x0723, 0x0752]] },
];

/**
 * Functions of AMD south bridges on the root bus, which reach each other only through the processor when
 * the machine has an AMD IOMMU. Linux: pci_quirk_amd_sb_acs().
 */
export const AMD_SOUTH_BRIDGE: readonly DeviceIds[] = [
  { vendorId: 0x1002, devices: [[0x4383, 0x4385], 0x4399, 0x439c, 0x439d] },
  { vendorId: 0x1022, devices: [0x7809, 0x780f] },
];

/** A device that uses further requester ids on its own bus. */
export interface AliasQuirk {
  readonly ids: readonly DeviceIds[];
  /** Null for every subsystem; else vendor and device id of the subsystem. */
  readonly subsystems: readonly (readonly [number, number])[] | null;
  /** Device and function numbers (devfn) also used, from the function's own. */
  readonly aliases: (devfn: number) => readonly number[];
  /** The kernel function that adds them. */
  readonly source: string;
}

const slotFunction = (devfn: number, fn: number): number[] =>
  (devfn & 7) === fn ? [] : [(devfn & 0xf8) | fn];

/** Function numbers 0 to 4 of every slot, which the accelerator card's bridge may put on the bus. */
const EVERY_SLOT_FIVE_FUNCTIONS = Array.from(
  { length: 32 * 5 },
  (_, i) => (Math.floor(i / 5) << 3) | (i % 5),
);
const EVERY_DEVFN = Array.from({ length: 256 }, (_, i) => i);

export const ALIAS_QUIRKS: readonly AliasQuirk[] = [
  {
    ids: [
      { vendorId: 0x1180, devices: [0xe832, 0xe476] },
      { vendorId: 0x6766, devices: [0x3d40, 0x3d41] },
    ],
    subsystems: null,
    aliases: (devfn) => slotFunction(devfn, 0),
    source: 'quirk_dma_func0_alias',
  },
  {
    ids: [
      {
        vendorId: MARVELL,
        devices: [
          ...[0x9120, 0x9123, 0x9125, 0x9128, 0x9130, 0x9170, 0x9172, 0x917a, 0x9182, 0x9183, 0x91a0],
          ...[0x9215, 0x9220, 0x9230, 0x9235],
        ],
      },
      { vendorId: 0x1103, devices: [0x0642, 0x0645] },
      { vendorId: 0x197b, devices: [0x2392] },
      { vendorId: 0x1c28, devices: [0x0122] },
    ],
    subsystems: null,
    aliases: (devfn) => slotFunction(devfn, 1),
    source: 'quirk_dma_func1_alias',
  },
  {
    ids: [{ vendorId: 0x9005, devices: [0x0285] }],
    subsystems: [
      [0x9005, 0x02bb],
      [0x9005, 0x02bc],
    ],
    aliases: () => [0x08],
    source: 'quirk_fixed_dma_alias',
  },
  {
    ids: [{ vendorId: INTEL, devices: [0x2260, 0x2264] }],
    subsystems: null,
    aliases: () => [0x80, 0x88, 0x93],
    source: 'quirk_mic_x200_dma_alias',
  },
  {
    ids: [{ vendorId: INTEL, devices: [[0x2954, 0x2956], 0x2958, 0x2959] }],
    subsystems: null,
    aliases: () => EVERY_SLOT_FIVE_FUNCTIONS,
    source: 'quirk_pex_vca_alias',
  },
  {
    ids: [{ vendorId: 0x10b5, devices: [0x87b0, 0x87b1] }],
    subsystems: null,
    aliases: () => EVERY_DEVFN,
    source: 'quirk_plx_ntb_dma_alias',
  },
];

/**
 * PCIe-to-PCI bridges that hide their PCIe capability: their secondary bus is aliased like that of a
 * bridge which shows it. Linux: quirk_use_pcie_bridge_dma_alias().
 */
export const HIDDEN_PCIE_BRIDGES: readonly DeviceIds[] = [
  { vendorId: 0x1b21, devices: [0x1080] },
  { vendorId: 0x10e3, devices: [0x8113] },
  { vendorId: 0x1283, devices: [0x8892, 0x8893] },
  { vendorId: INTEL, devices: [0x244e] },
];
