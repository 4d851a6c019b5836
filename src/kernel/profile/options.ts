import type { KernelConfig } from '../config.js';
import type { KernelProfile } from './profile.js';

/** A build option with its effective value. */
export interface KernelOption {
  /** `CONFIG_...`. */
  readonly name: string;
  /** y, n or m. */
  readonly value: string;
  /** The option that forced it on; null when set or left at its default. */
  readonly selectedBy: string | null;
}

/**
 * Switches of this project, for what the series and its review leave to whoever builds the kernel: whether
 * the fifth patch (VFIO and mdev ask the bus) is applied, and whether there is a second framework for
 * subdevices, which exists to be looked up through.
 */
const FIFTH_PATCH = 'CONFIG_SIOV_SERIES_VFIO';
const TEST_FRAMEWORK = 'CONFIG_SUBDEV_TEST';

const SCALABLE_IOV = 'CONFIG_INTEL_IOMMU_SCALABLE_IOV';

/** What INTEL_IOMMU_SCALABLE_IOV selects, which forces it into the kernel image. */
const SELECTED = ['CONFIG_VFIO', 'CONFIG_VFIO_MDEV', 'CONFIG_VFIO_MDEV_DEVICE'] as const;

/**
 * Build options that matter to DMA remapping: what the user set, over the defaults of the profile, with
 * dependencies and selections applied. INTEL_IOMMU_SUBDEVICE is the name review asked for.
 */
export class KernelOptions {
  private readonly values = new Map<string, KernelOption>();

  constructor(config: KernelConfig, profile: KernelProfile) {
    const set = new Map(Object.entries(config.options).map(([name, value]) => [canonical(name), value]));
    const put = (name: string, value: string, selectedBy: string | null = null) =>
      this.values.set(name, { name, value, selectedBy });
    const pick = (name: string, otherwise: string) => put(name, set.get(name) ?? otherwise);

    pick('CONFIG_INTEL_IOMMU', 'y');
    pick('CONFIG_INTEL_IOMMU_DEFAULT_ON', 'n');
    pick('CONFIG_INTEL_IOMMU_SVM', 'y');
    pick('CONFIG_INTEL_IOMMU_FLOPPY_WA', 'y');
    pick('CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON', profile.scalableModeByDefault ? 'y' : 'n');
    pick('CONFIG_IOMMU_DEFAULT_PASSTHROUGH', 'n');
    for (const name of SELECTED) pick(name, 'm');
    // The series leaves the option off unless it is set; a platform that chose its model has set it.
    pick(SCALABLE_IOV, config.subdeviceModel === 'MDEV_BUS_OPS' ? 'y' : 'n');
    if (!this.isOn('CONFIG_INTEL_IOMMU')) {
      for (const name of this.values.keys()) if (name.startsWith('CONFIG_INTEL_IOMMU')) put(name, 'n');
    }
    if (this.isOn(SCALABLE_IOV)) {
      for (const name of SELECTED) if (this.values.get(name)!.value !== 'y') put(name, 'y', SCALABLE_IOV);
    }
    for (const [name, value] of set) if (!this.values.has(name)) put(name, value);
  }

  /** Whether an option is y. */
  isOn(name: string): boolean {
    return this.values.get(name)?.value === 'y';
  }

  get scalableIov(): boolean {
    return this.isOn(SCALABLE_IOV);
  }

  /** Patch 5/5: mdev and VFIO leave subdevice groups to the core where the bus has operations. */
  get fifthPatch(): boolean {
    return this.values.get(FIFTH_PATCH)?.value !== 'n';
  }

  /** A bus of subdevices beside mdev. */
  get testFramework(): boolean {
    return this.isOn(TEST_FRAMEWORK);
  }

  /** The driver of mediated devices is there, built in or as a module. */
  get mdevDriver(): boolean {
    return this.values.get('CONFIG_VFIO_MDEV_DEVICE')?.value !== 'n';
  }

  list(): KernelOption[] {
    return [...this.values.values()];
  }
}

function canonical(name: string): string {
  const full = name.startsWith('CONFIG_') ? name : `CONFIG_${name}`;
  return full === 'CONFIG_INTEL_IOMMU_SUBDEVICE' ? SCALABLE_IOV : full;
}
