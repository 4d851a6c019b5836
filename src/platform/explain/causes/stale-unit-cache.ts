import { u64 } from '../../../bits/u64.js';
import { faultReason } from '../../../layout/fault-reasons.js';
import { CONTEXT_GRANULARITY, packContextCacheInvalidation } from '../../../layout/invalidation/index.js';
import type { FaultCase } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, type Remedy } from '../hypothesis.js';
import { hex, sender } from '../text.js';

/**
 * The tables in memory say something else than the unit did: it went by an entry it had cached. Software
 * changed a table and did not invalidate. Spec: VT-d 6.1 "Caching Mode", 6.5 "Invalidation of Translation Caches".
 */
export const staleUnitCache: CauseRule = (fault) => {
  const { fault: event, requester, traced, stale } = fault;
  if (traced === null || traced === event.reason) return null;
  const now =
    traced === 0
      ? 'let this request through'
      : `refuse it for another reason (0x${traced.toString(16)}, ${faultReason(traced)?.text})`;
  const kinds = stale.map(({ kind, address }) => (address === null ? kind : `${kind} for ${hex(address)}`));
  return {
    code: 'STALE_UNIT_CACHE',
    confidence: traced === 0 ? CONFIDENCE.CERTAIN + 4 : CONFIDENCE.STRONG + 12,
    explanation: `The tables in memory ${now}, so ${event.unit} refused ${sender(requester.name, event)} by an entry it has cached: a table was changed and what is cached of it was not invalidated.`,
    evidence: [
      kinds.length === 0
        ? 'No cached entry of this requester is stale now.'
        : `Stale in ${event.unit}: ${kinds.join(', ')}.`,
    ],
    subject: { kind: 'IommuUnit', name: event.unit },
    remedies: [invalidateAll(fault)],
  };
};

/** Spec: VT-d 6.5.2.1 "Context-cache Invalidate Descriptor"; PASID cache and IOTLB are to follow. */
function invalidateAll({ unit }: FaultCase): Remedy {
  const words = packContextCacheInvalidation({
    granularity: CONTEXT_GRANULARITY.GLOBAL,
    domainId: 0,
    sourceId: 0,
    functionMask: 0,
  });
  const padding = Array.from({ length: unit.queueState().descriptorBytes / 8 - words.length }, () =>
    u64(0, 0),
  );
  return {
    text: 'Invalidate the context cache, then PASID cache and IOTLB, globally.',
    commands: [{ type: 'submitDescriptor', unit: unit.name, words: [...words, ...padding] }],
    weakensIsolation: false,
  };
}
