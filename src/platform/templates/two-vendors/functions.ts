import type { MdevTypeDescription } from '../../../firmware/description.js';
import { IDXD_TYPE } from '../../subdevice-drivers.js';
import type { Chip } from '../chip.js';
import type { FunctionPlan } from '../function-plan.js';
import { conventional, errorReporting, integratedEndpoint } from '../kinds.js';

/** Place of the parent behind the second vendor's unit. */
export const SECOND_VENDOR = '0001:03:00.0';

const HOST_BRIDGE: Chip = {
  vendorId: 0x8086,
  deviceId: 0x09a2,
  classCode: 0x088000,
  revision: 0x20,
  name: 'Ice Lake Memory Map/VT-d',
  driver: null,
};

const ACCELERATOR: Chip = {
  vendorId: 0x8086,
  deviceId: 0x0b25,
  classCode: 0x088000,
  revision: 0,
  name: 'Data Streaming Accelerator',
  driver: 'idxd',
};

/** No such part exists; the device id is none of the vendor's. */
const IMAGINED: Chip = {
  vendorId: 0x1022,
  deviceId: 0xfffe,
  classCode: 0x120000,
  revision: 0,
  name: 'imagined accelerator with subdevices',
  driver: 'accel2',
};

const IMAGINED_TYPE: MdevTypeDescription = {
  group: 'queue',
  displayName: 'One queue',
  description: null,
  deviceApi: 'vfio-pci',
  cost: 1,
  pool: 'queues',
  capacity: 4,
};

export const FUNCTIONS: readonly FunctionPlan[] = [
  conventional('00:00.0', HOST_BRIDGE),
  integratedEndpoint('6a:01.0', ACCELERATOR, {
    more: (config) =>
      errorReporting(config.msix({ vectors: 9, tableOffset: 0x2000, pendingOffset: 0x3000 }, 0x80))
        .ats({ queueDepth: 32, pageAlignedRequest: true, globalInvalidate: true }, 0x220)
        .pasid({ maxWidth: 20, privilegedSupported: true }, 0x230)
        .pri({ maxRequests: 512, stopped: true, responsePasidRequired: true }, 0x240)
        .siov({ interruptMessageStorage: true }, 0x250),
    mdevTypes: [IDXD_TYPE],
  }),
  // Its driver registers a platform device it makes of the function, as drivers of that vendor's audio do.
  { ...integratedEndpoint(SECOND_VENDOR, IMAGINED, { mdevTypes: [IMAGINED_TYPE] }), parentBus: 'platform' },
];
