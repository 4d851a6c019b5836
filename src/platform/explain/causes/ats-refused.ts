import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { entry, hex } from '../text.js';

/** LCT.5, SCT.5, SCT.8, SCT.10, RTA.3: the entry lets through no translation, translated or page requests. */
const REFUSED: ReadonlySet<number> = new Set([0x0d, 0x32, 0x44, 0x47, 0x49]);

/** The device uses address translation services that nobody gave it. */
export const atsRefused: CauseRule = ({ fault, requester, stoppedAt }) => {
  if (!REFUSED.has(fault.reason)) return null;
  const what =
    fault.access === 'PAGE_REQUEST'
      ? 'page request'
      : fault.addressType === 'TRANSLATED'
        ? 'translated request'
        : 'translation request';
  return {
    code: 'ATS_NOT_ALLOWED',
    // A translated request comes of a translation that was given once; another rule knows more of that.
    confidence: fault.addressType === 'TRANSLATED' ? CONFIDENCE.PLAUSIBLE : CONFIDENCE.STRONG,
    explanation: `${requester.name} sent a ${what} for ${hex(fault.address)}, which its context entry does not allow: ATS or PRI is on in the device and off in the unit.`,
    evidence: stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`],
    subject: requester.device?.subject ?? null,
    remedies: [
      advice(
        'Let the IOMMU driver switch ATS on and off, and nobody else; reset the device where firmware or a former kernel left it on.',
      ),
    ],
  };
};
