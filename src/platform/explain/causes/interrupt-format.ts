import { INTERRUPT_FAULT } from '../../../hardware/interrupts.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { sender } from '../text.js';

/** A message in the format of the time before remapping. Spec: VT-d 5.1.2.1 "Interrupt Requests in Compatibility Format". */
export const interruptFormat: CauseRule = ({ fault, requester, unit, platform }) => {
  if (fault.reason !== INTERRUPT_FAULT.COMPATIBILITY_BLOCKED) return null;
  return {
    code: 'INTERRUPT_NOT_REMAPPED',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${sender(requester.name, fault)} signalled an interrupt in compatibility format while ${fault.unit} takes the remappable format only: its message was programmed before remapping was on (firmware, a resume), or by someone who does not know of it (a device behind a bridge or VMD).`,
    evidence: [
      unit.interruptTable.extended
        ? `${fault.unit} is in x2APIC mode, in which the compatibility format is always blocked.`
        : `GSTS.CFIS of ${fault.unit} is 0: the compatibility format is blocked.`,
      platform.kernel.interruptRemapping.reason,
    ],
    subject: requester.device?.subject ?? { kind: 'IommuUnit', name: fault.unit },
    remedies: [
      advice(
        'Have the driver set the interrupt up again after remapping is on; update the firmware that left it so.',
      ),
      advice('Boot with intremap=off. Devices can then signal any interrupt, and VFIO refuses them.', true),
    ],
  };
};
