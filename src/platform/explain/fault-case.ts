import type { U64 } from '../../bits/u64.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { WalkStep } from '../../hardware/request.js';
import type { RemappingUnit } from '../../hardware/unit.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Subdevice } from '../../kernel/mdev/subdevice.js';
import type { Platform } from '../platform.js';
import type { AddressHistory } from './address-history.js';
import type { RawWrite } from './raw-writes.js';

/** Who sent a refused request, as far as its requester id tells. */
export interface Requester {
  readonly sourceId: number;
  /** The id as a PCI address. */
  readonly name: string;
  /** The function that has this id; null when there is none. */
  readonly device: KernelDevice | null;
  /** Functions the kernel expects under this id besides: bridges and quirks make them answer for others. */
  readonly expected: readonly KernelDevice[];
  /** Whose command put the request on the bus; null when that is not known, as for a line of a log. */
  readonly sender: KernelDevice | Subdevice | null;
}

/** A translation a device keeps for itself. */
export interface HeldTranslation {
  readonly pasid: number | null;
  readonly address: U64;
  readonly pageSize: number;
  readonly target: U64;
  /** The tables do not say so any more. */
  readonly stale: boolean;
}

/** A cached entry of the unit that the tables contradict. */
export interface StaleEntry {
  readonly kind: string;
  readonly address: U64 | null;
}

/**
 * All that rules look at: one refused request, and the platform at the instant it was refused. It is read
 * in the middle of the command, so rules run then and there and keep nothing of the platform.
 */
export interface FaultCase {
  readonly platform: Platform;
  readonly fault: FaultOccurred;
  /** False when the fault is of another machine or time: tables and history are then only like those it met. */
  readonly isWitnessed: boolean;
  readonly unit: RemappingUnit;
  readonly requester: Requester;
  /** Entries read from memory for this request, no cache asked. */
  readonly walk: readonly WalkStep[];
  /** The last of them when the walk did not end well; null when no table was read, or all of them agree. */
  readonly stoppedAt: WalkStep | null;
  /**
   * What the tables alone say: a fault reason, 0 for yes, null where that cannot be told: for interrupts, and
   * when the tables looked at are not those of the machine the fault is from.
   */
  readonly traced: number | null;
  /** Whose tables were walked; what the kernel believes to be attached when the walk came to none. */
  readonly domain: Domain | null;
  readonly history: AddressHistory;
  /** Words written into memory behind the kernel's back, oldest first. */
  readonly rawWrites: readonly RawWrite[];
  /** What the requester's own cache holds. */
  readonly held: readonly HeldTranslation[];
  /** Entries the unit has cached for the requester and the tables contradict. */
  readonly stale: readonly StaleEntry[];
}
