import type { KernelDevice } from '../device/kernel-device.js';
import type { Domain } from './domain.js';
import type { Endpoint } from './endpoint.js';

export type GroupReasonKind =
  | 'SINGLE'
  | 'DMA_ALIAS'
  | 'MULTIFUNCTION_WITHOUT_ACS'
  | 'PATH_WITHOUT_ACS'
  | 'CONVENTIONAL_BUS'
  | 'QUIRK'
  | 'SUBDEVICE';

/** Why a member is in its group. */
export interface GroupReason {
  readonly kind: GroupReasonKind;
  /** For a subdevice: its parent; null when that is no PCI function. */
  readonly device: KernelDevice | null;
  readonly via: KernelDevice | null;
  readonly missingAcs: readonly string[];
  readonly explanation: string;
}

/** The smallest set of endpoints the hardware can isolate. Linux: struct iommu_group. */
export class IommuGroup {
  readonly members: Endpoint[] = [];
  readonly reasons: GroupReason[] = [];
  /** What the core gave it for in-kernel DMA; null when no driver offers such a domain. */
  defaultDomain: Domain | null = null;
  /** What the core believes is attached. */
  domain: Domain | null = null;
  /** User space has the group to itself. Linux: iommu_group.owner. */
  owned = false;
  /** An empty domain for the time user space owns the group and has given it none; made once, kept. */
  blockingDomain: Domain | null = null;
  constructor(readonly number: number) {}

  /** Why its members are together. That the first could stand alone matters only while it does. */
  get because(): readonly GroupReason[] {
    return this.members.length > 1 ? this.reasons.filter(({ kind }) => kind !== 'SINGLE') : this.reasons;
  }
}
