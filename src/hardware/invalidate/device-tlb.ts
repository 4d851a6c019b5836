import {
  type DeviceTlbInvalidation,
  type PasidDeviceTlbInvalidation,
  type PageRange,
} from '../../layout/invalidation/index.js';
import { describeRange } from './range.js';
import { type Invalidated, type InvalidationTarget, invalidated } from './target.js';

/** Sends an invalidation request to a device. Spec: VT-d 6.5.2.5 "Device-TLB Invalidate". */
export function invalidateDeviceTlb(target: InvalidationTarget, what: DeviceTlbInvalidation): Invalidated {
  const tlb = target.deviceTlb(what.sourceId);
  const scope = {
    descriptor: 'DEVICE_TLB',
    sourceId: what.sourceId,
    ...reach(what.range, 'DEVICE'),
  } as const;
  if (tlb === null || !tlb.responds) return invalidated({ ...scope, unanswered: true });
  return invalidated({ ...scope, dropped: tlb.invalidate(what.range) });
}

/** Sends an invalidation request with PASID. Spec: VT-d 6.5.2.6 "PASID-based-Device-TLB Invalidate". */
export function invalidatePasidDeviceTlb(
  target: InvalidationTarget,
  what: PasidDeviceTlbInvalidation,
): Invalidated {
  const tlb = target.deviceTlb(what.sourceId);
  const pasid = what.allPasids ? null : what.pasid;
  const scope = {
    descriptor: 'PASID_DEVICE_TLB',
    sourceId: what.sourceId,
    pasid,
    ...reach(what.range, pasid === null ? 'DEVICE' : 'PASID'),
  } as const;
  if (tlb === null || !tlb.responds) return invalidated({ ...scope, unanswered: true });
  return invalidated({ ...scope, dropped: tlb.invalidatePasid(pasid, what.range) });
}

/** The whole space is no range: reported as everything the device, or its PASID, has. */
function reach(
  range: PageRange,
  whole: 'DEVICE' | 'PASID',
): Pick<Invalidated, 'granularity' | 'address' | 'size'> {
  const { address, size } = describeRange(range);
  return size === null ? { granularity: whole, address: null, size } : { granularity: 'PAGE', address, size };
}
