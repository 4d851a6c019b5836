import type { KernelProfileName } from '../../../src/kernel/config.js';

const ADDRESS = '[0-9a-f]{2}:[0-9a-f]{2}\\.\\d';
const DEVICE = '\\S+ \\S+: ';
/** Texts of the table in linux-iommu-siov.md 8.6 begin with a capital or with `non-zero`. */
const REASON = '(?:SM: )?(?:[A-Z]|non-zero ).*';

/**
 * The lines commands may bring out, as forms. Source: linux-iommu-siov.md 3.1 to 3.7 (driver and core), 4.3
 * (auxiliary domains), 6 (mdev), 7.3 (VFIO), 8.4 (page requests), 8.6 (faults).
 */
const EVERY_PROFILE = [
  `${DEVICE}Adding to iommu group \\d+`,
  `${DEVICE}Removing from iommu group \\d+`,
  `${DEVICE}Failed to add to iommu group \\d+: -17`,
  `${DEVICE}MDEV: (?:Registered|Unregistering|group_id = \\d+|detaching iommu)`,
  // linux-iommu-siov.md 7.5.
  'vfio_pin_pages_remote: RLIMIT_MEMLOCK \\(\\d+\\) exceeded',
  // Seen in ../shared/data/qemu-linux/topology/mdev-mtty; the errnos are those a driver of subdevices gives.
  '[\\w-]+: probe of [0-9a-f-]{36} failed with error -(?:17|22|28)',
  `${DEVICE}DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement\\.  Contact your platform vendor\\.`,
  `${DEVICE}DMAR: prepare_domain_attach_device: iommu width \\(\\d+\\) is not sufficient for the mapped address \\([0-9a-f]+\\)`,
  'DMAR: intel_iommu_map: iommu width \\(\\d+\\) is not sufficient for the mapped address \\([0-9a-f]+\\)',
  `${DEVICE}DMAR: (?:Setup RID2PASID failed|Domain context map failed|PASID table allocation failed)`,
  `${DEVICE}Failed to get pasid entry of PASID \\d+`,
  'DMAR: dmar\\d+: No free domain ids',
  // intel_iommu_domain_alloc(), when md_domain_init() has no page for the first table.
  'DMAR: Domain initialization failed',
  'DMAR: ERROR: DMA PTE for vPFN 0x[0-9a-f]+ already set \\(to [0-9a-f]+ not [0-9a-f]+\\)',
  'DMAR: No (?:first level translation|second level translation|supervisor request) support on dmar\\d+',
  'Failed ASID allocation 4294967295',
  "DMAR: Can't allocate default pasid",
  'Trying to free unknown IOASID \\d+',
  'iommu: unaligned: iova 0x[0-9a-f]+ (?:pa 0x[0-9a-f]{16} )?size 0x[0-9a-f]+ min_pagesz 0x1000',
  'dmar\\d+: Page request (?:without PASID|for invalid PASID \\d+): (?:[0-9a-f]{8,16} ?)+',
  // prq_event_thread() and handle_bad_prq_event() of 5.15; intel_svm_bind_mm() of 5.10.
  'IOMMU: dmar\\d+: (?:Page request without PASID|Address is not canonical|Page request in Privilege Mode|Execution request not supported)',
  'dmar\\d+: Invalid page request: (?:[0-9a-f]{8,16} ?)+',
  `${DEVICE}Limited PASID width\\. Cannot use existing PASID \\d+`,
  // Seen in ../shared/data/qemu-linux when the type of a group in use is written.
  'iommu: (?:Device is still bound to driver|Cannot change default domain: Group has more than one device)',
  // linux-iommu-siov.md 2.3; iommu_change_dev_def_domain() names the device.
  `${DEVICE}Group not assigned to default domain`,
  '(?:iommu_group_store_type|iommu_change_dev_def_domain): \\d+ callbacks suppressed',
  // sriov_numvfs_store(), and drivers that leave.
  `${DEVICE}(?:Driver does not support SRIOV configuration via sysfs|no driver bound to device; cannot configure SR-IOV|driver does not support SR-IOV configuration via sysfs)`,
  `${DEVICE}\\d+ VFs already enabled\\. Disable before enabling \\d+ VFs`,
  `${DEVICE}driver left SR-IOV enabled after remove`,
  // really_probe(), alloc_irte(), intel_irq_remapping_alloc().
  '\\S+: probe of \\S+ failed with error -(?:22|28)',
  "DMAR-IR: (?:IR\\d+: can't allocate an IRTE|Failed to allocate IRTE)",
  'DMAR-IR: Requested mask [0-9a-f]+ exceeds the max invalidation handle mask value [0-9a-f]+',
  'DMAR: DRHD: handling fault status reg [0-9a-f]+',
  'dmar_fault: \\d+ callbacks suppressed',
];

const DECIMAL = [
  `DMAR: \\[DMA (?:Read|Write)\\] Request device \\[${ADDRESS}\\] PASID [0-9a-f]+ fault addr [0-9a-f]+ \\[fault reason \\d{2,3}\\] ${REASON}`,
  `DMAR: \\[INTR-REMAP\\] Request device \\[${ADDRESS}\\] fault index [0-9a-f]+ \\[fault reason \\d{2}\\] ${REASON}`,
];
const HEXADECIMAL = [
  `DMAR: \\[DMA (?:Read|Write) (?:NO_PASID|PASID 0x[0-9a-f]+)\\] Request device \\[${ADDRESS}\\] fault addr 0x[0-9a-f]+ \\[fault reason 0x[0-9a-f]{2}\\] ${REASON}`,
  `DMAR: \\[INTR-REMAP\\] Request device \\[${ADDRESS}\\] fault index 0x[0-9a-f]+ \\[fault reason 0x[0-9a-f]{2}\\] ${REASON}`,
];
/** That 6.1 prints as 5.15 does is assumed by the reference. */
const FAULTS = { V5_10: DECIMAL, V5_15: HEXADECIMAL, V6_1: HEXADECIMAL };

const compiled = (forms: readonly string[]) => forms.map((form) => new RegExp(`^${form}$`));
const FORMS = {
  V5_10: compiled([...EVERY_PROFILE, ...FAULTS.V5_10]),
  V5_15: compiled([...EVERY_PROFILE, ...FAULTS.V5_15]),
  V6_1: compiled([...EVERY_PROFILE, ...FAULTS.V6_1]),
};

/** Whether a kernel of the profile could have printed a line after boot. */
export function isForm(profile: KernelProfileName, line: string): boolean {
  return FORMS[profile].some((form) => form.test(line));
}
