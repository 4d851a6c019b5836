import { faultReason } from '../../../layout/fault-reasons.js';
import type { CauseRule } from '../hypothesis.js';
import { entry, hex, sender } from '../text.js';

/** What the reason code says, for want of anything better. */
export const unexplained: CauseRule = ({ fault, requester, stoppedAt }) => ({
  code: 'UNEXPLAINED',
  confidence: 1,
  explanation: `${fault.unit} refused ${sender(requester.name, fault)} at ${hex(fault.address)}: ${faultReason(fault.reason)?.text ?? `reason ${fault.reason}`}.`,
  evidence: stoppedAt === null ? [] : [`The walk ends at ${entry(stoppedAt)}.`],
  subject: requester.device?.subject ?? { kind: 'IommuUnit', name: fault.unit },
  remedies: [],
});
