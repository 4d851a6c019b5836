import { card, desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { address, deviceOf, dma, groupOf, newestDomain } from '../steps.js';

const DEVICE = '0000:02:00.0';
const RAID = {
  vendorId: 0x1000,
  deviceId: 0x005d,
  classCode: 0x010400,
  revision: 2,
  name: 'MegaRAID SAS-3 3108',
  driver: 'megaraid_sas',
} as const;

export const domainSwitch: Scene = {
  name: 'domain-switch',
  title: 'A storage controller is caught between two domains',
  story:
    'Kernels moved a controller from the identity domain to one of its own when its driver asked for 32-bit addresses. The old context entry was cleared first, and the firmware of the card went on reading meanwhile. Here the move fails half-way, which leaves the device in the same state for longer.',
  thread: 'https://lore.kernel.org/r/20200218154549.rcav24rkm7rc4hvp@cantor',
  machine: () => desktop({ without: ['00:01.1', '02:00.0'], functions: card('00:1c.0', 2, RAID) }),
  kernel: {},
  steps: [
    {
      says: 'Another domain is allocated for the controller.',
      command: () => ({ type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' }),
    },
    {
      says: 'It is given a mapping the unit of the controller is too narrow for.',
      command: (platform) => ({
        type: 'map',
        domain: newestDomain(platform).number,
        iova: address('8000000000'),
        physical: address('100000000'),
        size: address('1000'),
        read: true,
        write: true,
      }),
    },
    {
      says: 'Attaching it takes the old domain away, then fails.',
      command: (platform) => ({
        type: 'attach',
        domain: newestDomain(platform).number,
        target: { kind: 'Group', number: groupOf(platform, deviceOf(platform, DEVICE).name).number },
      }),
      isRefused: true,
    },
    dma('The controller reads its queue.', DEVICE, '791dd000', 'READ'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'CONTEXT_ABSENT',
    logLine:
      'DMAR: [DMA Read] Request device [02:00.0] PASID ffffffff fault addr 791dd000 [fault reason 02] Present bit in context entry is clear',
  },
};
