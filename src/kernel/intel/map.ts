import { toHexDigits, u64FromPfn } from '../../bits/u64.js';
import { FIRST_STAGE } from '../../layout/first-stage.js';
import { SECOND_STAGE } from '../../layout/second-stage.js';
import { KernelError } from '../errno.js';
import type { Domain } from '../iommu/domain.js';
import { refusal } from '../refusal.js';
import type { KernelProfile } from '../profile/profile.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { noTableMemory } from '../table-memory.js';
import { unsafe } from '../unsafe.js';
import { type PageRun, needsMapFlush, notifyMapped } from './flush-domain.js';
import type { MapReport } from './page-table.js';
import type { IntelUnit } from './unit.js';

/**
 * Flag bits of a leaf, 0 for no access at all. In the processor's format bit 0 says present, so a
 * write-only first-stage page can be read too; user and execute-disable are always set there.
 * Linux: intel_iommu_map(), __domain_mapping().
 */
export function entryFlags(
  profile: KernelProfile,
  domain: Domain,
  access: { readonly read: boolean; readonly write: boolean; readonly cache?: boolean },
): number {
  if (!access.read && !access.write) return 0;
  const snoop = access.cache && domain.snoopControl ? SECOND_STAGE.SNOOP : 0;
  const readable = access.read || profile.writableIsReadable;
  const permissions = (readable ? SECOND_STAGE.READ : 0) | (access.write ? SECOND_STAGE.WRITE : 0) | snoop;
  return domain.firstLevel ? permissions | FIRST_STAGE.PRESENT | FIRST_STAGE.USER : permissions;
}

/**
 * Refuses a range where the driver would take a large page's frame for a table and write into it, and one
 * within the address width that the tables do not reach. Linux: BUG_ON(!domain_pfn_supported()).
 */
export function requireMappable(domain: Domain, pfn: number, physicalPfn: number, pages: number): void {
  const { reachablePages } = domain;
  if (pfn + pages > reachablePages && Math.max(pfn, reachablePages) < 2 ** (domain.addressWidth - 12)) {
    throw unsafe(
      '__domain_mapping',
      `the range reaches beyond the ${domain.levels} levels of domain ${domain.number}, which the driver answers with BUG().`,
      `Map below 0x${toHexDigits(u64FromPfn(reachablePages))}.`,
    );
  }
  if (!domain.table.wouldWriteIntoLargePage(pfn, physicalPfn, pages, domain.superpageLevels)) return;
  throw unsafe(
    '__domain_mapping',
    `part of the range lies inside a large page of domain ${domain.number}; the driver would write table entries into the memory it is mapped to.`,
    'Unmap the large page first.',
  );
}

/** Pages of the largest page. */
const HUGE = 2 ** 18;
/** Pages mapped before others get a turn: whole large ones, and so many more where they can be huge. */
const STEP_PAGES = 2 ** 16;
/** The same where each may be mapped already, which takes a line in the log. */
export const FEW_PAGES = 2 ** 12;

/** Maps one chunk. Linux: intel_iommu_map(). */
export function* intelMap(
  state: KernelState,
  domain: Domain,
  pfn: number,
  physicalPfn: number,
  pages: number,
  flags: number,
  report: MapReport,
): Steps<void> {
  beginMap(state, domain, pfn + pages, flags);
  const end = pfn + pages;
  const canBeHuge = domain.superpageLevels === 2 && (pfn - physicalPfn) % HUGE === 0;
  let step = canBeHuge ? HUGE : FEW_PAGES;
  for (let next = pfn; next < end;) {
    const some = Math.min(end - next, step - (next % step));
    const conflicts = mapSome(state, domain, next, physicalPfn + next - pfn, some, flags, report);
    if (!canBeHuge) step = conflicts > 0 ? FEW_PAGES : Math.min(step * 2, STEP_PAGES);
    next += some;
    if (next < end) yield;
  }
}

/** {@link intelMap} of at most {@link FEW_PAGES}, which nobody waits for. */
export function intelMapFew(
  state: KernelState,
  domain: Domain,
  pfn: number,
  physicalPfn: number,
  pages: number,
  flags: number,
  report: MapReport,
): void {
  beginMap(state, domain, pfn + pages, flags);
  mapSome(state, domain, pfn, physicalPfn, pages, flags, report);
}

function beginMap(state: KernelState, domain: Domain, end: number, flags: number): void {
  if (domain.highestMappedEnd < end) {
    if (end > 2 ** (domain.addressWidth - 12)) throw tooHigh(state, domain, end);
    domain.highestMappedEnd = end;
  }
  if (flags !== 0) return;
  const rule = 'A mapping must allow reading or writing.';
  throw refusal('EINVAL', '__domain_mapping', rule, { code: 'INVALID_ARGUMENT' });
}

/** Returns how many pages were mapped already. */
function mapSome(
  state: KernelState,
  domain: Domain,
  pfn: number,
  physicalPfn: number,
  pages: number,
  flags: number,
  report: MapReport,
): number {
  const complete = domain.table.map(pfn, physicalPfn, pages, flags, domain.superpageLevels, report);
  for (const conflict of report.conflicts) {
    const { found, wanted } = conflict;
    state.log.print(
      `DMAR: ERROR: DMA PTE for vPFN 0x${conflict.pfn.toString(16)} already set (to ${toHexDigits(found)} not ${toHexDigits(wanted)})`,
    );
  }
  const conflicts = report.conflicts.length;
  report.conflicts.length = 0;
  if (!complete) throw noTableMemory(state, 'ENOMEM', '__domain_mapping', 'a page table');
  return conflicts;
}

/** After new entries, on every unit the domain is attached through. Linux: for_each_domain_iommu(). */
export function notifyUnits(state: KernelState, domain: Domain, run: PageRun): void {
  if (domain.domainIds.size === 0) return;
  for (const unit of unitsOf(domain)) notifyMapped(state.profile, unit, domain, run);
}

/** Whether {@link notifyUnits} does anything on one of them. */
export function hearsOfMaps(domain: Domain): boolean {
  return unitsOf(domain).some((unit) => needsMapFlush(unit, domain) || unit.capabilities.RWBF);
}

/** Units a domain is attached through, dmar0 first. */
export function unitsOf(domain: Domain): IntelUnit[] {
  return [...domain.domainIds.keys()].sort((a, b) => a.sequence - b.sequence);
}

function tooHigh(state: KernelState, domain: Domain, end: number): KernelError {
  const address = toHexDigits(u64FromPfn(end));
  state.log.print(
    `DMAR: intel_iommu_map: iommu width (${domain.addressWidth}) is not sufficient for the mapped address (${address})`,
  );
  return new KernelError(
    'EFAULT',
    'intel_iommu_map',
    `The range ends at 0x${address}, but domain ${domain.number} has ${domain.addressWidth} address bits.`,
    [
      {
        code: 'ADDRESS_WIDTH',
        message: `Domain ${domain.number} translates ${domain.addressWidth} bits of address.`,
        subject: domain.subject,
        remedy: `Map below 2^${domain.addressWidth}.`,
      },
    ],
  );
}
