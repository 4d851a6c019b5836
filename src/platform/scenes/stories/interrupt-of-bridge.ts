import { SOURCE_VALIDATION, packInterruptEntry } from '../../../layout/irte.js';
import { packRemappableMessage } from '../../../layout/remappable-message.js';
import { conventional } from '../../templates/kinds.js';
import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';

const INDEX = 0x3b;
const NIC = {
  vendorId: 0x15ad,
  deviceId: 0x07b0,
  classCode: 0x020000,
  revision: 1,
  name: 'VMXNET3 Ethernet Controller',
  driver: 'vmxnet3',
} as const;
const BRIDGE = {
  vendorId: 0x15ad,
  deviceId: 0x0790,
  classCode: 0x060401,
  revision: 2,
  name: 'PCI bridge',
  driver: null,
} as const;

export const interruptOfBridge: Scene = {
  name: 'interrupt-of-bridge',
  title: 'An interrupt arrives under the id of the bridge in front of its device',
  story:
    'Devices behind a conventional bridge signal under the id of the bridge. The kernel had looked at their buses wrongly and filled the interrupt entries with their own ids, so the unit blocked every message.',
  thread: 'https://lore.kernel.org/r/20190820085317.29458-1-namit@vmware.com',
  machine: () =>
    desktop({
      functions: [
        {
          at: '00:11.0',
          chip: BRIDGE,
          bridge: { primary: 0, secondary: 4, subordinate: 4 },
          capabilities: (config) => config,
        },
        conventional('04:00.0', NIC),
      ],
    }),
  kernel: {},
  steps: [
    {
      says: 'The entry is filled for the device itself.',
      command: (platform) => {
        const unit = platform.machine.units.at(-1)!;
        const words = packInterruptEntry({
          present: true,
          faultProcessingDisabled: false,
          logicalDestination: false,
          redirectionHint: false,
          levelTriggered: false,
          deliveryMode: 0,
          vector: 0x41,
          destination: 0,
          sourceId: 0x0400,
          sourceIdQualifier: 0,
          sourceValidation: SOURCE_VALIDATION.SOURCE_ID,
        });
        return { type: 'pokeMemory', address: unit.interruptTable.base + INDEX * 16, words };
      },
    },
    {
      says: 'The device signals, and the bridge puts its own id on the message.',
      command: () => {
        const message = packRemappableMessage({ handle: INDEX, subhandleValid: false, subhandle: 0 });
        return { type: 'signalInterrupt', device: '0000:04:00.0', ...message };
      },
    },
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'INTERRUPT_SOURCE_MISMATCH',
    logLine:
      'DMAR: [INTR-REMAP] Request device [00:11.0] fault index 3b [fault reason 38] Blocked an interrupt request due to source-id verification failure',
  },
};
