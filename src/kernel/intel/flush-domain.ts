import type { Domain } from '../iommu/domain.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelProfile } from '../profile/profile.js';
import {
  type DeviceTlbTarget,
  WHOLE_SPACE_ORDER,
  flushDeviceTlb,
  flushIotlb,
  flushPasidDeviceTlb,
  flushPasidIotlb,
  flushWriteBuffer,
} from './flush.js';
import type { IntelUnit } from './unit.js';

/** A run of pages of a domain. */
export interface PageRun {
  readonly pfn: number;
  readonly pages: number;
}

/**
 * Binary logarithm of the smallest block a page-selective flush of a run needs, as the profile computes it.
 * The older rule looks at the length only, so an unaligned run is flushed in part.
 * Linux: iommu_flush_iotlb_psi().
 */
export function flushOrder(run: PageRun, aligned: boolean): number {
  let order = 0;
  while (2 ** order < run.pages) order++;
  if (!aligned) return order;
  const last = run.pfn + run.pages - 1;
  while (order < WHOLE_SPACE_ORDER && Math.floor(run.pfn / 2 ** order) !== Math.floor(last / 2 ** order)) {
    order++;
  }
  return order;
}

/** Removes a run of a domain from one unit's caches, and from device-TLBs behind it. Linux: iommu_flush_iotlb_psi(). */
export function flushPages(
  profile: KernelProfile,
  unit: IntelUnit,
  domain: Domain,
  run: PageRun,
  why: { readonly mapped: boolean; readonly leavesOnly: boolean },
): void {
  const did = domain.domainIds.get(unit)!.did;
  const order = flushOrder(run, profile.alignsPageFlushes);
  const { PSI, MAMV, CM } = unit.capabilities;
  if (domain.firstLevel) {
    flushFirstStage(unit, domain, { pfn: run.pfn, order: flushOrder(run, false) });
  } else if (!PSI || order > MAMV) {
    flushIotlb(unit, 'DOMAIN', did);
  } else {
    flushIotlb(unit, 'PAGE', did, { pfn: run.pfn, order, leavesOnly: why.leavesOnly });
  }
  if (!CM || !why.mapped) flushDomainDeviceTlbs(profile, domain, run.pfn, order);
}

/**
 * Removes all of a domain from one unit's caches, and unless absences are cached too from device-TLBs.
 * Linux: intel_flush_iotlb_all(), iommu_flush_iova().
 */
export function flushDomain(profile: KernelProfile, unit: IntelUnit, domain: Domain): void {
  if (domain.firstLevel) flushFirstStage(unit, domain, null);
  else flushIotlb(unit, 'DOMAIN', domain.domainIds.get(unit)!.did);
  if (!unit.capabilities.CM) flushDomainDeviceTlbs(profile, domain, 0, WHOLE_SPACE_ORDER);
}

/** By each PASID the domain is under there, requests without one last. Linux: domain_flush_piotlb(). */
function flushFirstStage(
  unit: IntelUnit,
  domain: Domain,
  pages: { readonly pfn: number; readonly order: number } | null,
): void {
  const did = domain.domainIds.get(unit)!.did;
  if (domain.defaultPasid > 0) flushPasidIotlb(unit, did, domain.defaultPasid, pages);
  for (const { kind, pasid, unit: where } of domain.attachments)
    if (kind === 'PASID' && where === unit) flushPasidIotlb(unit, did, pasid!, pages);
  if (primaryDevices(domain).length > 0) flushPasidIotlb(unit, did, 0, pages);
}

/** Only caching mode can have cached that entries were absent. */
export function needsMapFlush(unit: IntelUnit, domain: Domain): boolean {
  return unit.capabilities.CM && !domain.firstLevel;
}

/** After new entries. Linux: __mapping_notify_one(). */
export function notifyMapped(profile: KernelProfile, unit: IntelUnit, domain: Domain, run: PageRun): void {
  if (needsMapFlush(unit, domain)) {
    flushPages(profile, unit, domain, run, { mapped: true, leavesOnly: false });
  } else {
    flushWriteBuffer(unit);
  }
}

/**
 * Everything a device caches of one PASID; PASID 0 stands for requests without one.
 * Linux: devtlb_invalidation_with_pasid().
 */
export function flushDeviceTlbOfPasid(unit: IntelUnit, device: KernelDevice, pasid: number): void {
  const target = deviceTlbTarget(device);
  if (target === null) return;
  if (pasid === 0) flushDeviceTlb(unit, target, 0, WHOLE_SPACE_ORDER);
  else flushPasidDeviceTlb(unit, target, pasid, 0, WHOLE_SPACE_ORDER);
}

/** How to address a device's TLB; null while it has none in use. */
export function deviceTlbTarget(device: KernelDevice): DeviceTlbTarget | null {
  const info = device.info;
  if (info === null || !info.atsEnabled) return null;
  return {
    sourceId: device.fn.sourceId,
    physicalFunctionSourceId: info.physicalFunctionSourceId,
    queueDepth: info.atsQueueDepth,
  };
}

/** Linux: iommu_flush_dev_iotlb(). The device attached last is first in the driver's list. */
function flushDomainDeviceTlbs(profile: KernelProfile, domain: Domain, pfn: number, order: number): void {
  for (const device of primaryDevices(domain)) flushOne(device, pfn, order);
  if (!profile.flushesAuxParentsDeviceTlb) return;
  for (const parent of auxParents(domain)) flushOne(parent, pfn, order);
}

function flushOne(device: KernelDevice, pfn: number, order: number): void {
  const target = deviceTlbTarget(device);
  if (target !== null) flushDeviceTlb(device.info!.unit, target, pfn, order);
}

function primaryDevices(domain: Domain): KernelDevice[] {
  return domain.attachments
    .filter((each) => each.kind === 'PRIMARY')
    .map((each) => each.device)
    .reverse();
}

function auxParents(domain: Domain): Set<KernelDevice> {
  const parents = domain.attachments.filter((each) => each.kind !== 'PRIMARY' && !each.leaked);
  return new Set(parents.map((each) => each.device));
}
