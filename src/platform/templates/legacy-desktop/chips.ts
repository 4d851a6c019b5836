import type { Chip } from '../chip.js';

const intel = (
  deviceId: number,
  classCode: number,
  revision: number,
  name: string,
  driver: string | null = null,
): Chip => ({ vendorId: 0x8086, deviceId, classCode, revision, name, driver });
const chipset = (deviceId: number, classCode: number, name: string, driver: string | null = null): Chip =>
  intel(deviceId, classCode, 0x31, `100 Series/C230 Series Chipset Family ${name}`, driver);

/** Functions of a desktop with a 6th-generation Core processor. */
export const CHIPS = {
  hostBridge: intel(
    0x191f,
    0x060000,
    0x07,
    'Xeon E3-1200 v5/E3-1500 v5/6th Gen Core Processor Host Bridge/DRAM Registers',
    'skl_uncore',
  ),
  graphicsPort: intel(
    0x1901,
    0x060400,
    0x07,
    '6th-10th Gen Core Processor PCIe Controller (x16)',
    'pcieport',
  ),
  secondGraphicsPort: intel(
    0x1905,
    0x060400,
    0x07,
    'Xeon E3-1200 v5/E3-1500 v5/6th Gen Core Processor PCIe Controller (x8)',
    'pcieport',
  ),
  graphics: intel(0x1912, 0x030000, 0x06, 'HD Graphics 530', 'i915'),
  usb: chipset(0xa12f, 0x0c0330, 'USB 3.0 xHCI Controller', 'xhci_hcd'),
  thermal: chipset(0xa131, 0x118000, 'Thermal Subsystem', 'intel_pch_thermal'),
  management: chipset(0xa13a, 0x078000, 'MEI Controller #1', 'mei_me'),
  sata: intel(
    0xa102,
    0x010601,
    0x31,
    'Q170/Q150/B150/H170/H110/Z170/CM236 Chipset SATA Controller [AHCI Mode]',
    'ahci',
  ),
  chipsetPort: { ...chipset(0xa118, 0x060400, 'PCI Express Root Port #9', 'pcieport'), revision: 0xf1 },
  lpc: intel(0xa145, 0x060100, 0x31, 'Z170 Chipset LPC/eSPI Controller'),
  powerManagement: chipset(0xa121, 0x058000, 'Power Management Controller'),
  audio: chipset(0xa170, 0x040300, 'HD Audio Controller', 'snd_hda_intel'),
  smbus: chipset(0xa123, 0x0c0500, 'SMBus', 'i801_smbus'),
  nic: intel(0x15b8, 0x020000, 0x31, 'Ethernet Connection (2) I219-V', 'e1000e'),
  discreteGraphics: {
    vendorId: 0x10de,
    deviceId: 0x1b81,
    classCode: 0x030000,
    revision: 0xa1,
    name: 'GP104 [GeForce GTX 1070]',
    driver: 'nouveau',
  },
  discreteAudio: {
    vendorId: 0x10de,
    deviceId: 0x10f0,
    classCode: 0x040300,
    revision: 0xa1,
    name: 'GP104 High Definition Audio Controller',
    driver: 'snd_hda_intel',
  },
  nvme: {
    vendorId: 0x144d,
    deviceId: 0xa804,
    classCode: 0x010802,
    revision: 0,
    name: 'NVMe SSD Controller SM961/PM961/SM963',
    driver: 'nvme',
  },
} as const satisfies Record<string, Chip>;
