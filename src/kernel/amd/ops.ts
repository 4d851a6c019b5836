import { ZERO, u64 } from '../../bits/u64.js';
import { KernelError } from '../errno.js';
import type { DomainType } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { GroupChoice, IommuOps } from '../iommu/iommu-ops.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { ReservedRegion } from '../iommu/reserved-region.js';

/**
 * A second vendor's operations, for its own parents only: it says which subdevices are its own, gives each
 * a group, and names its reserved ranges. Its units' tables are not modelled, so it makes no domains and
 * nothing can be attached through it; both are refused rather than imitated.
 * Linux: amd_iommu_ops, for the platform bus, where that driver registers them as well.
 */
export class AmdIommuOps implements IommuOps {
  readonly name = 'amd_iommu_ops';
  readonly vendor = 'amd';
  readonly pageSizeBitmap = ZERO;
  readonly domainTypes = [];
  readonly functions = AMD_FUNCTIONS;

  /** No default domain; and what user space would map through is refused with its reason. */
  domainAlloc(type: DomainType): null {
    if (type === 'UNMANAGED') throw notModelled('amd_iommu_domain_alloc', 'makes no domains');
    return null;
  }

  domainFree(): never {
    throw notModelled('amd_iommu_domain_free', 'has no domains');
  }

  probeDevice(endpoint: Endpoint): null {
    parentOf(endpoint);
    return null;
  }

  releaseDevice(): void {}

  deviceGroup(endpoint: Endpoint): GroupChoice {
    const parent = parentOf(endpoint);
    const explanation = `${endpoint.name} has a group of its own, given by the driver of the unit ${parent.name} is behind.`;
    return {
      existing: null,
      reasons: [{ kind: 'SUBDEVICE', device: parent, via: null, missingAcs: [], explanation }],
    };
  }

  attachDev(): void {
    throw notModelled('amd_iommu_attach_device', 'attaches nothing');
  }

  detachDev(): void {}

  getResvRegions(): ReservedRegion[] {
    return RESERVED;
  }
}

/** The function behind a subdevice of this vendor's; anything else is not served. Linux: check_device(). */
function parentOf(endpoint: Endpoint): KernelDevice {
  if (endpoint.kind === 'Subdevice' && endpoint.parent.vendor === 'amd') return endpoint.parent;
  throw new KernelError(
    'ENODEV',
    'amd_iommu_probe_device',
    `No unit of this vendor serves ${endpoint.kind === 'Subdevice' ? endpoint.parent.name : endpoint.name}.`,
  );
}

function notModelled(mirrors: string, what: string): KernelError {
  const rule = `amd_iommu_ops ${what} here: tables of AMD units are not modelled.`;
  return new KernelError('EOPNOTSUPP', mirrors, rule, [
    {
      code: 'NOT_MODELLED',
      message: rule,
      subject: null,
      remedy: 'Use a subdevice of a parent behind an Intel unit.',
    },
  ]);
}

/** Interrupt messages, and the range of HyperTransport. Linux: amd_iommu_get_resv_regions(). */
const RESERVED: ReservedRegion[] = [
  { start: u64(0, 0xfee00000), last: u64(0, 0xfeefffff), type: 'MSI', read: false, write: false },
  { start: u64(0xfd, 0), last: u64(0xff, 0xffffffff), type: 'RESERVED', read: false, write: false },
];

/** What is modelled of the table. */
const AMD_FUNCTIONS = [
  'domain_alloc',
  'attach_dev',
  'probe_device',
  'release_device',
  'device_group',
  'get_resv_regions',
] as const;
