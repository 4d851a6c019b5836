import type { FaultCase } from '../fault-case.js';
import type { CauseRule, Hypothesis } from '../hypothesis.js';
import { addressWidth } from './address-width.js';
import { aliasRequester } from './alias-requester.js';
import { atsRefused } from './ats-refused.js';
import { blockedDomain } from './blocked-domain.js';
import { bufferOverrun } from './buffer-overrun.js';
import { contextAbsent } from './context-absent.js';
import { entryOverwritten } from './entry-overwritten.js';
import { interruptEntry } from './interrupt-entry.js';
import { interruptFormat } from './interrupt-format.js';
import { interruptRange } from './interrupt-range.js';
import { interruptSource } from './interrupt-source.js';
import { kernelAddress } from './kernel-address.js';
import { mappedElsewhere } from './mapped-elsewhere.js';
import { missingPasid } from './missing-pasid.js';
import { neverMapped } from './never-mapped.js';
import { pasidOff } from './pasid-off.js';
import { physicalAddress } from './physical-address.js';
import { privilege } from './privilege.js';
import { reservedBits } from './reserved-bits.js';
import { rmrrMissing } from './rmrr-missing.js';
import { staleDeviceTlb } from './stale-device-tlb.js';
import { staleUnitCache } from './stale-unit-cache.js';
import { tableInvalid } from './table-invalid.js';
import { unexplained } from './unexplained.js';
import { useAfterUnmap } from './use-after-unmap.js';
import { wrongDirection } from './wrong-direction.js';
import { wrongPasid } from './wrong-pasid.js';

/** In no order that matters, except between hypotheses of equal confidence. */
const RULES: readonly CauseRule[] = [
  blockedDomain,
  staleUnitCache,
  staleDeviceTlb,
  aliasRequester,
  contextAbsent,
  wrongPasid,
  missingPasid,
  pasidOff,
  entryOverwritten,
  wrongDirection,
  useAfterUnmap,
  rmrrMissing,
  mappedElsewhere,
  physicalAddress,
  kernelAddress,
  bufferOverrun,
  neverMapped,
  addressWidth,
  reservedBits,
  tableInvalid,
  privilege,
  atsRefused,
  interruptSource,
  interruptFormat,
  interruptEntry,
  interruptRange,
];

/** What could have caused a fault, the most likely first; never empty. */
export function hypothesesOf(fault: FaultCase): Hypothesis[] {
  const found = RULES.flatMap((rule) => rule(fault) ?? []);
  return found.length === 0 ? [unexplained(fault)!] : found.sort((a, b) => b.confidence - a.confidence);
}
