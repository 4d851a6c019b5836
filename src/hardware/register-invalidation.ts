import { field, withField } from '../bits/u64.js';
import { iotlbRegisters, REGISTER, TRANSLATION_TABLE_MODE } from '../layout/registers.js';
import { IOTLB_GRANULARITY } from '../layout/invalidation/index.js';
import {
  type Invalidated,
  type InvalidationTarget,
  invalidateContextCache,
  invalidateIotlb,
  invalidated,
} from './invalidate/index.js';
import type { RegisterFile } from './register-file.js';

/** What the register interface needs of its unit besides the caches. */
export interface RegisterInvalidationHost extends InvalidationTarget {
  readonly registers: RegisterFile;
  readonly translationTableMode: number;
  /** While the queue is on, these registers must not be used; a request then is left standing. */
  readonly isQueueEnabled: boolean;
  report(what: Invalidated, words: readonly [], error: string | null): void;
}

const REFUSED = 'refused';

/** Requests through these registers belong to legacy tables and to units below major version 6. */
function isRefused(host: RegisterInvalidationHost): boolean {
  return (
    host.translationTableMode !== TRANSLATION_TABLE_MODE.LEGACY || !host.capabilities.registerInvalidation
  );
}

/** Where these registers work at all, a request made while the queue is on is not answered. */
function isLeftStanding(host: RegisterInvalidationHost): boolean {
  return host.isQueueEnabled && !isRefused(host);
}

/** The high half of CCMD was written. Spec: VT-d 11.4.6.1 "Context Command Register". */
export function runContextCommand(host: RegisterInvalidationHost): void {
  const command = host.registers.load64(REGISTER.CCMD);
  if (field(command, 63, 63) === 0 || isLeftStanding(host)) return;
  const asked = {
    granularity: field(command, 62, 61),
    domainId: field(command, 15, 0),
    sourceId: field(command, 31, 16),
    functionMask: field(command, 33, 32),
  };
  const done = isRefused(host)
    ? invalidated({ descriptor: 'CONTEXT_CACHE', refused: true })
    : invalidateContextCache(host, asked);
  const performed = done.refused ? 0 : asked.granularity;
  host.registers.store64(REGISTER.CCMD, withField(withField(command, 63, 63, 0), 60, 59, performed));
  host.report(done, [], done.refused ? REFUSED : null);
}

/** The high half of IOTLB was written. Spec: VT-d 11.4.6.2.1 "IOTLB Invalidate Register". */
export function runIotlbCommand(host: RegisterInvalidationHost): void {
  const { registers, capabilities } = host;
  const offsets = iotlbRegisters(capabilities);
  const command = registers.load64(offsets.IOTLB);
  if (field(command, 63, 63) === 0 || isLeftStanding(host)) return;
  const iva = registers.load64(offsets.IVA);
  const asked = field(command, 61, 60);
  // Spec: a unit without page-selective invalidation performs a page request on the whole domain.
  const granularity =
    asked === IOTLB_GRANULARITY.PAGE && !capabilities.PSI ? IOTLB_GRANULARITY.DOMAIN : asked;
  const done = isRefused(host)
    ? invalidated({ descriptor: 'IOTLB', refused: true })
    : invalidateIotlb(host, {
        granularity,
        domainId: field(command, 47, 32),
        drainReads: field(command, 49, 49) === 1,
        drainWrites: field(command, 48, 48) === 1,
        pfn: field(iva, 63, 12),
        addressMask: field(iva, 5, 0),
        keepStructure: field(iva, 6, 6) === 1,
      });
  const performed = done.refused ? 0 : granularity;
  registers.store64(offsets.IOTLB, withField(withField(command, 63, 63, 0), 58, 57, performed));
  host.report(done, [], done.refused ? REFUSED : null);
}
