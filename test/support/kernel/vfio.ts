import type { Errno } from '../../../src/kernel/errno.js';
import type { VfioContainer } from '../../../src/kernel/vfio/objects.js';
import { VFIO_IOMMU } from '../../../src/kernel/vfio/objects.js';
import { Host, type HostPlan, PARENT, address, errnoOf } from './host.js';

export const PROFILES = ['V5_10', 'V5_15', 'V6_1'] as const;
export type Profile = (typeof PROFILES)[number];

/** A second and a third function, each alone in its group. */
export const NIC = '0000:6b:00.0';
export const GPU = '0000:6c:00.0';

export const NO_SERIES = { CONFIG_INTEL_IOMMU_SCALABLE_IOV: 'n' } as const;

/** The default host, and two functions that vfio-pci holds. */
export function vfioHost(profile: Profile, plan: HostPlan = {}): Host {
  const { config, ...rest } = plan;
  return Host.boot({
    parents: [{}, { at: NIC, driver: 'vfio-pci' }, { at: GPU, driver: 'vfio-pci' }],
    ...rest,
    config: { profile, ...config },
  });
}

/** A container with groups and a backend. */
export function containerWith(
  host: Host,
  groups: readonly string[],
  type: keyof typeof VFIO_IOMMU = 'TYPE1V2',
): VfioContainer {
  const container = host.kernel.vfio.openContainer(null);
  for (const at of groups) host.kernel.vfio.addGroup(container, host.group(at));
  host.kernel.vfio.setIommu(container, VFIO_IOMMU[type]);
  return container;
}

/** Maps user memory whose address is the I/O address plus 4 GiB, unless one is given. */
export function mapDma(
  host: Host,
  container: VfioContainer,
  iova: string,
  size: string,
  { access = 'rw', vaddr = `1${iova.padStart(8, '0')}` }: { access?: string; vaddr?: string } = {},
): Errno | null {
  return errnoOf(() =>
    host.kernel.vfio.mapDma(container, {
      iova: address(iova),
      vaddr: address(vaddr),
      size: address(size),
      read: access.includes('r'),
      write: access.includes('w'),
    }),
  );
}

/** Bytes unmapped in hexadecimal, or the errno. */
export function unmapDma(
  host: Host,
  container: VfioContainer,
  iova: string,
  size: string,
  all = false,
): string {
  let pages = 0;
  const errno = errnoOf(() => {
    pages = host.kernel.vfio.unmapDma(container, { iova: address(iova), size: address(size), all });
  });
  return errno ?? (pages * 4096).toString(16);
}

export function parentGroup(host: Host): number {
  return host.group(PARENT).number;
}
