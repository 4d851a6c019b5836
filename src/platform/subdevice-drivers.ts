import type { MdevTypeDescription } from '../firmware/description.js';
import type { PciFunction } from '../hardware/pci/function.js';

/** A driver that makes subdevices of the functions it knows. */
interface SubdeviceDriver {
  readonly driver: string;
  readonly vendorId: number;
  readonly deviceIds: readonly number[];
  readonly types: readonly MdevTypeDescription[];
}

/** Work queues a DSA device has. Intel DSA architecture specification, WQCAP. */
const WORK_QUEUES = 8;

/**
 * The subdevice type idxd offered when the subdevice bus series was posted: a subdevice takes one
 * dedicated work queue. Source: "Add VFIO mediated device support and DEV-MSI support for the idxd
 * driver", 2020; later postings call it `dsa-1dwq-v1`. Its directory has no description, and the name
 * attribute repeats the type. Here every queue is dedicated and set aside for subdevices.
 */
export const IDXD_TYPE: MdevTypeDescription = {
  group: '1dwq-v1',
  displayName: '1dwq-v1',
  description: null,
  deviceApi: 'vfio-pci',
  cost: 1,
  pool: 'work queues',
  capacity: WORK_QUEUES,
};

/**
 * Drivers whose subdevice types are known from their source. The series knew no subdevices of the
 * analytics accelerator (0cfe) beside the data streaming one.
 */
const SUBDEVICE_DRIVERS: readonly SubdeviceDriver[] = [
  { driver: 'idxd', vendorId: 0x8086, deviceIds: [0x0b25], types: [IDXD_TYPE] },
];

/** What a driver would make of a function, whether or not it is bound now; null when none is known. */
export function subdeviceDriverOf({ vendorId, deviceId }: PciFunction): SubdeviceDriver | null {
  return (
    SUBDEVICE_DRIVERS.find((one) => one.vendorId === vendorId && one.deviceIds.includes(deviceId)) ?? null
  );
}

/** Serial ports the sample driver has in all. */
const MTTY_PORTS = 24;

/** Types of the sample driver mtty, whose parent is no device of any bus. Linux: samples/vfio-mdev/mtty.c. */
export const MTTY_TYPES: readonly MdevTypeDescription[] = [1, 2].map((ports) => ({
  group: String(ports),
  displayName: ports === 1 ? 'Single port serial' : 'Dual port serial',
  description: null,
  deviceApi: 'vfio-pci',
  cost: ports,
  pool: 'ports',
  capacity: MTTY_PORTS,
}));
