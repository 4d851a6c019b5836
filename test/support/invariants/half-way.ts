import { pfnOf } from '../../../src/bits/u64.js';
import { KernelError } from '../../../src/kernel/errno.js';
import type { Command } from '../../../src/platform/command.js';
import type { Platform } from '../../../src/platform/platform.js';

/** A refusal after which something is not as it was, because the real kernel gives up half-way too. */
export interface HalfWay {
  readonly rule: string;
  /** Section of linux-iommu-siov.md. */
  readonly section: string;
  /** Parts of the state that may differ. */
  readonly changes: readonly string[];
  readonly applies: (command: Command, error: KernelError, platform: Platform) => boolean;
}

/** Refusals of VFIO before it touches a domain. */
const BEFORE_ATTACH = new Set(['vfio_group_fops_open', 'vfio_group_set_container', 'vfio_ioctl_set_iommu']);
/** Refusals of an auxiliary attach after its domain was fitted to the unit. */
const AFTER_PREPARE = new Set([
  'aux_domain_add_dev',
  'domain_attach_iommu',
  'intel_pasid_setup_first_level',
  'intel_pasid_setup_second_level',
  'intel_pasid_get_entry',
]);
const EVERYTHING = ['memory', 'registers', 'caches', 'configuration spaces', 'kernel', 'allocators'];

export const HALF_WAY: readonly HalfWay[] = [
  {
    rule: 'the high-water mark of a domain rises before the protection is looked at',
    section: '3.4, Intel map of one chunk, step 2; prot is refused in __domain_mapping()',
    changes: ['kernel'],
    applies: ({ type }, { errno, mirrors }) =>
      type === 'map' && errno === 'EINVAL' && mirrors === '__domain_mapping',
  },
  {
    rule: 'a map whose later chunk fails has written the earlier ones, and unmaps them again',
    section: '3.4, "driver error part-way"',
    changes: ['memory', 'registers', 'caches', 'kernel', 'allocators'],
    applies: (command, { errno, mirrors }, platform) =>
      command.type === 'map' &&
      errno === 'EFAULT' &&
      mirrors === 'intel_iommu_map' &&
      pfnOf(command.iova) < 2 ** (platform.kernel.domains.get(command.domain)!.addressWidth - 12),
  },
  {
    rule: 'a mapping of VFIO of which a later part fails was made up to there, and is taken back as a whole',
    section: '7.5, "Any error removes the entire mapping"',
    changes: ['memory', 'registers', 'caches', 'kernel', 'allocators'],
    applies: ({ type }, { mirrors }) => type === 'vfioMapDma' && mirrors !== 'vfio_dma_do_map',
  },
  {
    rule: 'VFIO attaches a group first and looks at its limits afterwards; a refusal detaches it again',
    section: '7.3, steps 5 to 11',
    changes: EVERYTHING,
    applies: ({ type }, { mirrors }) =>
      (type === 'addGroupToContainer' || type === 'setContainerIommu') && !BEFORE_ATTACH.has(mirrors),
  },
  {
    rule: 'the old primary domain is removed before the new one is found not to fit',
    section: '3.2, intel_iommu_attach_device() steps 3 to 5',
    changes: EVERYTHING,
    applies: ({ type }, { mirrors }) =>
      type === 'attach' && (mirrors === 'prepare_domain_attach_device' || mirrors === 'domain_add_dev_info'),
  },
  {
    rule: 'of a group with several members, those before the one that fails stay attached',
    section: '3.2, iommu_attach_group()',
    changes: EVERYTHING,
    applies: (command, _error, { kernel }) =>
      command.type === 'attach' &&
      command.target.kind === 'Group' &&
      kernel.groups.get(command.target.number)!.members.length > 1,
  },
  {
    rule: 'an auxiliary attach that fails has fitted the domain to the unit, keeps the PASID in default_pasid and leaves a leaf page of the PASID table',
    section: '4.3, steps 2 to 8, and 4.5',
    changes: ['memory', 'kernel', 'allocators'],
    applies: ({ type }, { mirrors }) => type === 'attach' && AFTER_PREPARE.has(mirrors),
  },
  {
    rule: 'a device may send PASIDs before there is one for the process, and before its unit is found not to walk the tables',
    section: '8.4, bind of a process in 5.10; intel_svm_bind_mm() calls intel_iommu_enable_pasid() first',
    changes: EVERYTHING,
    applies: ({ type }, { mirrors, blockers }, { header }) =>
      type === 'svaBind' &&
      header.kernel.profile === 'V5_10' &&
      (mirrors === 'intel_pasid_setup_first_level' ||
        blockers.some(({ code }) => code === 'NO_FREE_PASID' || code === 'NO_MEMORY')),
  },
];

/** What the model refuses as unsafe leaves everything alone, but for a call of VFIO that had begun. */
function isOwnRefusal({ type }: Command, error: KernelError): boolean {
  const isUnsafe = error.blockers.some(({ code }) => code === 'UNSAFE');
  return isUnsafe && type !== 'addGroupToContainer' && type !== 'setContainerIommu';
}

/** What a refusal may leave changed; null for nothing. */
export function exceptionFor(platform: Platform, command: Command, error: unknown): HalfWay | null {
  if (!(error instanceof KernelError) || isOwnRefusal(command, error)) return null;
  return HALF_WAY.find(({ applies }) => applies(command, error, platform)) ?? null;
}
