import type { Chip } from '../chip.js';

const INTEL = 0x8086;
const intel = (deviceId: number, classCode: number, name: string, driver: string | null = null): Chip => ({
  vendorId: INTEL,
  deviceId,
  classCode,
  revision: 0x20,
  name,
  driver,
});
/** The chipset has steppings of its own. */
const emmitsburg = (
  deviceId: number,
  classCode: number,
  name: string,
  driver: string | null = null,
): Chip => ({
  ...intel(deviceId, classCode, name, driver),
  revision: 0x11,
});

/**
 * Functions of a two-socket Sapphire Rapids server. Ids and classes are those that listings of such
 * machines show. Names come from the id database where it has one; for the accelerators, the root ports
 * and parts of the chipset it has none yet, and the name says what the function is.
 */
export const CHIPS = {
  memoryMap: intel(0x09a2, 0x088000, 'Ice Lake Memory Map/VT-d'),
  mesh: intel(0x09a4, 0x088000, 'Ice Lake Mesh 2 PCIe'),
  ras: intel(0x09a3, 0x088000, 'Ice Lake RAS'),
  eventCollector: intel(0x0b23, 0x080700, 'Xeon Root Event Collector', 'pcieport'),
  rootPortA: intel(0x352a, 0x060400, 'Sapphire Rapids PCI Express Root Port A', 'pcieport'),
  rootPortB: intel(0x352b, 0x060400, 'Sapphire Rapids PCI Express Root Port B', 'pcieport'),
  dsa: { ...intel(0x0b25, 0x088000, 'Data Streaming Accelerator', 'idxd'), revision: 0 },
  iax: { ...intel(0x0cfe, 0x088000, 'In-Memory Analytics Accelerator', 'idxd'), revision: 0 },
  pchRootPort: emmitsburg(0x1bbd, 0x060400, 'Emmitsburg (C740 Family) PCI Express Root Port', 'pcieport'),
  usb: emmitsburg(0x1bcd, 0x0c0330, 'Emmitsburg (C740 Family) USB 3.2 Gen 1 xHCI Controller', 'xhci_hcd'),
  sharedMemory: emmitsburg(0x1bce, 0x050000, 'Emmitsburg (C740 Family) Shared SRAM'),
  management: emmitsburg(0x1be0, 0x078000, 'Emmitsburg (C740 Family) MEI Controller', 'mei_me'),
  sata: emmitsburg(0x1ba2, 0x010601, 'Emmitsburg (C740 Family) SATA Controller [AHCI mode]', 'ahci'),
  lpc: emmitsburg(0x1b81, 0x060100, 'Emmitsburg (C741) LPC/eSPI Controller'),
  smbus: emmitsburg(0x1bc9, 0x0c0500, 'Emmitsburg (C740 Family) SMBus', 'i801_smbus'),
  spi: emmitsburg(0x1bca, 0x0c8000, 'Emmitsburg (C740 Family) SPI Controller', 'intel-spi'),
  bmcBridge: {
    vendorId: 0x1a03,
    deviceId: 0x1150,
    classCode: 0x060400,
    revision: 0x06,
    name: 'AST1150 PCI-to-PCI Bridge',
    driver: null,
  },
  bmcGraphics: {
    vendorId: 0x1a03,
    deviceId: 0x2000,
    classCode: 0x030000,
    revision: 0x52,
    name: 'ASPEED Graphics Family',
    driver: 'ast',
  },
  nic: { ...intel(0x1592, 0x020000, 'Ethernet Controller E810-C for QSFP', 'ice'), revision: 0x02 },
  nicVirtualFunction: {
    ...intel(0x1889, 0x020000, 'Ethernet Adaptive Virtual Function', 'iavf'),
    revision: 0x02,
  },
  raid: {
    vendorId: 0x1000,
    deviceId: 0x10e2,
    classCode: 0x010400,
    revision: 0,
    name: 'MegaRAID 12GSAS/PCIe Secure SAS39xx',
    driver: 'megaraid_sas',
  },
  nvme: {
    vendorId: 0x144d,
    deviceId: 0xa80a,
    classCode: 0x010802,
    revision: 0,
    name: 'NVMe SSD Controller PM9A1/PM9A3/980PRO',
    driver: 'nvme',
  },
  serialBridge: {
    vendorId: 0x10b5,
    deviceId: 0x8112,
    classCode: 0x060400,
    revision: 0xaa,
    name: 'PEX8112 x1 Lane PCI Express-to-PCI Bridge',
    driver: null,
  },
  serial: {
    vendorId: 0x1415,
    deviceId: 0x9501,
    classCode: 0x070006,
    revision: 0,
    name: 'OX16PCI954 (Quad 16950 UART) function 0 (Uart)',
    driver: 'serial',
  },
  parallel: {
    vendorId: 0x1415,
    deviceId: 0x9513,
    classCode: 0x070101,
    revision: 0,
    name: 'OX16PCI954 (Quad 16950 UART) function 1 (parallel port)',
    driver: 'parport_pc',
  },
} as const satisfies Record<string, Chip>;
