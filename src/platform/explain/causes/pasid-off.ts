import { CONFIDENCE, type CauseRule, type Remedy, advice } from '../hypothesis.js';
import { PASID_OFF } from '../reasons.js';
import { entry, sender } from '../text.js';

/** The unit takes no request with a PASID from this device, whatever the PASID. */
export const pasidOff: CauseRule = ({ fault, requester, platform, stoppedAt }) => {
  if (!PASID_OFF.has(fault.reason)) return null;
  const { scalableMode, scalableModeReason } = platform.kernel;
  return {
    code: 'PASID_NOT_ENABLED',
    confidence: CONFIDENCE.CERTAIN,
    explanation: scalableMode
      ? `${sender(requester.name, fault)} was refused because its context entry does not allow requests with a PASID (PASIDE is clear): nothing that needs one is enabled.`
      : `${sender(requester.name, fault)} was refused because the units use legacy tables, which know no PASID.`,
    evidence: [scalableModeReason, ...(stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`])],
    subject: requester.device?.subject ?? null,
    remedies: scalableMode
      ? [enableAux(requester.device?.name)]
      : [advice('Boot with intel_iommu=on,sm_on.')],
  };
};

function enableAux(device: string | undefined): Remedy {
  const text = 'Enable the AUX feature of the device, then attach a domain under a PASID.';
  if (device === undefined) return advice(text);
  return { text, commands: [{ type: 'enableFeature', device, feature: 'AUX' }], weakensIsolation: false };
}
