import { card, desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma } from '../steps.js';

const DEVICE = '0000:05:00.0';
const THUNDERBOLT = {
  vendorId: 0x8086,
  deviceId: 0x15eb,
  classCode: 0x088000,
  revision: 6,
  name: 'JHL7540 Thunderbolt 3 NHI [Titan Ridge 4C 2018]',
  driver: null,
} as const;

export const firmwareBuffer: Scene = {
  name: 'firmware-buffer',
  title: 'A Thunderbolt controller writes to memory nobody mapped, before it has a driver',
  story:
    'From early in boot on a Thunderbolt controller wrote to one and the same address every 20 seconds, and its driver gave up. The address is below 4 GiB, and no region is reserved for the device there. The thread has no last word; with no driver at all, as here, firmware must have set the device up.',
  thread: 'https://lore.kernel.org/r/20221107180613.GA406714@bhelgaas',
  machine: () => desktop({ functions: card('00:1c.0', 5, THUNDERBOLT) }),
  kernel: { profile: 'V5_15' },
  steps: [dma('The controller writes, as its firmware was set up to.', DEVICE, '69974000', 'WRITE')],
  ending: {
    kind: 'FAULT',
    verdict: 'RMRR_MISSING',
    logLine:
      'DMAR: [DMA Write NO_PASID] Request device [05:00.0] fault addr 0x69974000 [fault reason 0x05] PTE Write access is not set',
  },
};
