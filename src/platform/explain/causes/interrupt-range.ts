import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { hex, sender } from '../text.js';

/** LGN.4, SGN.8, IR.10. */
const RANGE: ReadonlySet<number> = new Set([0x0e, 0x87, 0x29]);

/** The request meets 0xfee00000-0xfeefffff, which is no memory. Spec: VT-d 3.14 "Handling Requests to Interrupt Address Range". */
export const interruptRange: CauseRule = ({ fault, requester, domain }) => {
  if (!RANGE.has(fault.reason)) return null;
  return {
    code: 'INTERRUPT_RANGE',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, fault)} reached for the interrupt range 0xfee00000-0xfeefffff with ${hex(fault.address)}: what goes there must be a 32-bit interrupt message, and no page may lead there.`,
    evidence: [],
    subject: domain?.subject ?? requester.device?.subject ?? null,
    remedies: [
      advice(
        'Keep the range out of what is mapped and of what is mapped to: it is a reserved region (MSI) of every group.',
      ),
    ],
  };
};
