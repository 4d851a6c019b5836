import { compareU64, addU64, u64FromNumber } from '../../../bits/u64.js';
import { packDeviceTlbInvalidation, WHOLE_SPACE } from '../../../layout/invalidation/index.js';
import type { FaultCase, HeldTranslation } from '../fault-case.js';
import { CONFIDENCE, type CauseRule, type Remedy, advice } from '../hypothesis.js';
import { hex, range, sender } from '../text.js';

/**
 * The device sent an address it had translated itself, under a translation that was withdrawn meanwhile.
 * Such a request names a host physical address. Spec: VT-d 4.2.3 "Handling of Translated Requests".
 */
export const staleDeviceTlb: CauseRule = (fault) => {
  const { fault: event, requester, held } = fault;
  if (event.addressType !== 'TRANSLATED') return null;
  const used = held.find((one) => reaches(one, fault));
  const others = held.filter(({ stale }) => stale).length;
  return {
    code: 'STALE_DEVICE_TLB',
    confidence: used === undefined ? CONFIDENCE.STRONG : CONFIDENCE.CERTAIN + 2,
    explanation: `${sender(requester.name, event)} sent a translated request for the host address ${hex(event.address)}, under a translation that no longer holds: its own cache (ATS) was not invalidated when the domain changed.`,
    evidence: [
      used === undefined
        ? `${requester.name} keeps ${held.length} translations, none of them for this page any more.`
        : `${requester.name} still keeps ${range(used.address, u64FromNumber(used.pageSize))} as ${hex(used.target)}.`,
      ...(others === 0 ? [] : [`${others} of its translations are not what the tables say now.`]),
    ],
    subject: requester.device?.subject ?? null,
    remedies: [
      ...invalidate(fault),
      advice('Reset the device, or switch its ATS off: both empty its cache.'),
      advice('Boot with pci=noats, so that devices keep no translations.'),
    ],
  };
};

function reaches({ target, pageSize }: HeldTranslation, { fault }: FaultCase): boolean {
  return (
    compareU64(target, fault.address) <= 0 &&
    compareU64(fault.address, addU64(target, u64FromNumber(pageSize))) < 0
  );
}

/** Spec: VT-d 6.5.2.5 "Device-TLB Invalidate Descriptor". */
function invalidate({ unit, requester }: FaultCase): Remedy[] {
  const { descriptorBytes, isEnabled } = unit.queueState();
  if (!isEnabled || requester.device === null) return [];
  const words = packDeviceTlbInvalidation({
    sourceId: requester.sourceId,
    physicalFunctionSourceId: (requester.device.fn.physicalFunction ?? requester.device.fn).sourceId,
    maxPending: requester.device.fn.ats?.queueDepth ?? 0,
    range: WHOLE_SPACE,
  });
  const padding = Array.from({ length: descriptorBytes / 8 - words.length }, () => ({ hi: 0, lo: 0 }));
  return [
    {
      text: `Invalidate everything ${requester.name} keeps.`,
      commands: [{ type: 'submitDescriptor', unit: unit.name, words: [...words, ...padding] }],
      weakensIsolation: false,
    },
  ];
}
