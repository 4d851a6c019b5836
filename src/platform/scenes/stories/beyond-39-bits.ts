import { u64FromNumber } from '../../../bits/u64.js';
import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { address, dma, groupOf, newestDomain } from '../steps.js';

const DEVICE = '0000:03:00.0';

export const beyond39Bits: Scene = {
  name: 'beyond-39-bits',
  title: 'A user-space driver chooses addresses of 40 bits',
  story:
    'A user-space NVMe driver began its I/O addresses at 0x8800000000. Units of many desktops translate 39 bits only: the kernel refused to map, "iommu width (39) is not sufficient for the mapped address". A device that is told such an address all the same faults.',
  thread: 'https://github.com/MicronSSD/unvme/issues/4',
  machine: desktop,
  kernel: {},
  steps: [
    {
      says: 'A domain is allocated for the driver.',
      command: () => ({ type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' }),
    },
    {
      says: 'It is attached to the disk.',
      command: (platform) => ({
        type: 'attach',
        domain: newestDomain(platform).number,
        target: { kind: 'Group', number: groupOf(platform, DEVICE).number },
      }),
    },
    {
      says: 'Mapping at 0x8800000000 is refused.',
      command: (platform) => ({
        type: 'map',
        domain: newestDomain(platform).number,
        iova: address('8800000000'),
        physical: address('100000000'),
        size: u64FromNumber(0x1000),
        read: true,
        write: true,
      }),
      isRefused: true,
    },
    dma('The disk is told the address all the same.', DEVICE, '8800000000', 'READ'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'ADDRESS_WIDTH',
    logLine:
      'DMAR: [DMA Read] Request device [03:00.0] PASID ffffffff fault addr 8800000000 [fault reason 04] Access beyond MGAW',
  },
};
