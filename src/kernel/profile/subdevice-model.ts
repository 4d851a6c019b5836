import type { SubdeviceModel } from '../config.js';

/** How a subdevice gets its translation, as questions. */
export interface SubdeviceModelRules {
  /** IOMMU drivers register operations for subdevice buses. */
  readonly hasBusOps: boolean;
  /** A subdevice without operations on its bus gets a group from its driver. */
  readonly driverMakesGroups: boolean;
  /** How whoever hands a subdevice to user space attaches a domain to the parent in its place. */
  readonly attachesToParent: 'NEVER' | 'AUX' | 'PASID';
  /** A device's PASID table and PASID switch come with the device, not with its primary domain. */
  readonly pasidTableOutlivesDomain: boolean;
}

const MODELS = {
  MDEV_BUS_OPS: {
    hasBusOps: true,
    driverMakesGroups: true,
    attachesToParent: 'NEVER',
    pasidTableOutlivesDomain: false,
  },
  AUX_API: {
    hasBusOps: false,
    driverMakesGroups: true,
    attachesToParent: 'AUX',
    pasidTableOutlivesDomain: false,
  },
  PASID_ATTACH: {
    hasBusOps: false,
    driverMakesGroups: false,
    attachesToParent: 'PASID',
    pasidTableOutlivesDomain: true,
  },
} as const satisfies Record<SubdeviceModel, SubdeviceModelRules>;

export function subdeviceModelOf(name: SubdeviceModel): SubdeviceModelRules {
  return MODELS[name];
}
