import { type U64, field, orU64, maskOf, u64, u64FromPfn } from '../../bits/u64.js';
import {
  CONTEXT_GRANULARITY,
  IOTLB_GRANULARITY,
  PASID_CACHE_GRANULARITY,
  PASID_IOTLB_GRANULARITY,
  packContextCacheInvalidation,
  packDeviceTlbInvalidation,
  packIotlbInvalidation,
  packPasidCacheInvalidation,
  packPasidDeviceTlbInvalidation,
  packPasidIotlbInvalidation,
} from '../../layout/invalidation/index.js';
import { GLOBAL, REGISTER, iotlbRegisters } from '../../layout/registers.js';
import type { IntelUnit } from './unit.js';

/** Order of an invalidation of a whole 64-bit address space. */
export const WHOLE_SPACE_ORDER = 52;

/** Whose device-TLB, and how the descriptor accounts for it. */
export interface DeviceTlbTarget {
  readonly sourceId: number;
  readonly physicalFunctionSourceId: number;
  readonly queueDepth: number;
}

/**
 * Makes writes to tables visible to a unit that buffers them; nothing on other units.
 * Linux: iommu_flush_write_buffer().
 */
export function flushWriteBuffer(unit: IntelUnit): void {
  if (unit.capabilities.RWBF) unit.strobe(GLOBAL.WBF);
}

/** Linux: qi_flush_context(), __iommu_flush_context(). */
export function flushContextCache(
  unit: IntelUnit,
  granularity: keyof typeof CONTEXT_GRANULARITY,
  domainId = 0,
  sourceId = 0,
): void {
  const code = CONTEXT_GRANULARITY[granularity];
  if (unit.ring !== null) {
    unit.ring.submit(
      unit,
      packContextCacheInvalidation({ granularity: code, domainId, sourceId, functionMask: 0 }),
    );
  } else {
    unit.write64(REGISTER.CCMD, u64(0x80000000 | (code << 29), (sourceId << 16) | domainId));
  }
}

/**
 * Page-selective with `pages`, else domain-selective or global. The hint that only leaves changed reaches
 * the unit through registers only: the descriptor builder drops it.
 * Linux: qi_flush_iotlb(), __iommu_flush_iotlb().
 */
export function flushIotlb(
  unit: IntelUnit,
  granularity: keyof typeof IOTLB_GRANULARITY,
  domainId = 0,
  pages: { readonly pfn: number; readonly order: number; readonly leavesOnly: boolean } | null = null,
): void {
  const { DRD, DWD } = unit.capabilities;
  const code = IOTLB_GRANULARITY[granularity];
  if (unit.ring !== null) {
    const words = packIotlbInvalidation({
      granularity: code,
      domainId,
      drainReads: DRD,
      drainWrites: DWD,
      pfn: pages?.pfn ?? 0,
      addressMask: pages?.order ?? 0,
      keepStructure: false,
    });
    unit.ring.submit(unit, words);
    return;
  }
  const registers = iotlbRegisters(unit.capabilities);
  if (pages !== null) {
    const address = u64FromPfn(pages.pfn);
    unit.write64(registers.IVA, u64(address.hi, address.lo | (pages.leavesOnly ? 0x40 : 0) | pages.order));
  }
  const high = 0x80000000 | (code << 28) | (DWD ? 1 << 16 : 0) | domainId;
  unit.write64(registers.IOTLB, u64(high, 0));
  if (field(unit.read64(registers.IOTLB), 58, 57) === 0) unit.print('DMAR: Flush IOTLB failed');
}

/** Linux: pasid_cache_invalidation_with_pasid(), qi_flush_pasid_cache(). */
export function flushPasidCache(
  unit: IntelUnit,
  granularity: keyof typeof PASID_CACHE_GRANULARITY,
  domainId = 0,
  pasid = 0,
): void {
  const code = PASID_CACHE_GRANULARITY[granularity];
  unit.ring?.submit(unit, packPasidCacheInvalidation({ granularity: code, domainId, pasid }));
}

/**
 * By PASID; page-selective with `pages`, whose start is aligned down to the order.
 * Linux: iotlb_invalidation_with_pasid(), qi_flush_piotlb().
 */
export function flushPasidIotlb(
  unit: IntelUnit,
  domainId: number,
  pasid: number,
  pages: { readonly pfn: number; readonly order: number } | null = null,
): void {
  const words = packPasidIotlbInvalidation({
    granularity: pages === null ? PASID_IOTLB_GRANULARITY.PASID : PASID_IOTLB_GRANULARITY.PAGE,
    domainId,
    pasid,
    pfn: pages === null ? 0 : pages.pfn - (pages.pfn % 2 ** pages.order),
    addressMask: pages?.order ?? 0,
    keepStructure: false,
  });
  unit.ring?.submit(unit, words);
}

/** Translations of requests without PASID. Linux: qi_flush_dev_iotlb(). */
export function flushDeviceTlb(unit: IntelUnit, target: DeviceTlbTarget, pfn: number, order: number): void {
  const [low] = packDeviceTlbInvalidation({
    sourceId: target.sourceId,
    physicalFunctionSourceId: target.physicalFunctionSourceId,
    maxPending: pending(target),
    range: { pfn: 0, addressMask: 0 },
  });
  unit.ring?.submit(unit, [low, sizedAddress(pfn, order, 0)]);
}

/** Translations of one PASID. Linux: qi_flush_dev_iotlb_pasid(). */
export function flushPasidDeviceTlb(
  unit: IntelUnit,
  target: DeviceTlbTarget,
  pasid: number,
  pfn: number,
  order: number,
): void {
  const [low] = packPasidDeviceTlbInvalidation({
    sourceId: target.sourceId,
    physicalFunctionSourceId: target.physicalFunctionSourceId,
    maxPending: pending(target),
    pasid,
    allPasids: false,
    range: { pfn: 0, addressMask: 0 },
  });
  unit.ring?.submit(unit, [low, sizedAddress(pfn, order, 11)]);
}

/** A depth of 32 does not fit the field and is written as 0, which means the same. */
function pending(target: DeviceTlbTarget): number {
  return target.queueDepth >= 32 ? 0 : target.queueDepth;
}

/**
 * An address whose trailing ones say the size. The driver sets the ones without aligning the address first,
 * so a range that does not start on its own size is coded as another one.
 */
function sizedAddress(pfn: number, order: number, sizeBit: number): U64 {
  const address = u64FromPfn(pfn);
  if (order === 0) return address;
  const withOnes = order === 1 ? address : orU64(address, maskOf(12 + order - 2, 12));
  return u64(withOnes.hi, withOnes.lo | (1 << sizeBit));
}
