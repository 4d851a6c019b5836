import { formatPciAddress, pciAddressOf } from '../../../bits/pci-address.js';
import { INTERRUPT_FAULT } from '../../../hardware/interrupts.js';
import { SOURCE_VALIDATION, parseInterruptEntry } from '../../../layout/irte.js';
import { CONFIDENCE, type CauseRule, advice } from '../hypothesis.js';
import { entry, hex } from '../text.js';

/** The interrupt's entry belongs to another requester. Spec: VT-d 5.1.4 "Interrupt-Remapping Hardware Operation", IR.4. */
export const interruptSource: CauseRule = ({ fault, requester, stoppedAt, unit }) => {
  if (fault.reason !== INTERRUPT_FAULT.SOURCE_ID) return null;
  const words = stoppedAt?.words ?? [];
  const irte = words.length === 2 ? parseInterruptEntry([words[0], words[1]]) : null;
  const owner = irte === null ? 'another requester' : ownerOf(irte, unit.segment);
  return {
    code: 'INTERRUPT_SOURCE_MISMATCH',
    confidence: CONFIDENCE.CERTAIN,
    explanation: `${requester.name} signalled interrupt ${hex(fault.address)}, whose entry is for ${owner}: the message was programmed into the wrong device, or its requester id changed on the way (a bridge, a phantom function).`,
    evidence: stoppedAt === null ? [] : [`The entry: ${entry(stoppedAt)}.`],
    subject: requester.device?.subject ?? { kind: 'IommuUnit', name: fault.unit },
    remedies: [
      advice(
        `Give ${requester.name} an entry of its own: its driver asks for interrupts anew (unbind, bind).`,
      ),
      advice(
        'Boot with intremap=nosid, so that entries are not checked. Every device can then signal every interrupt.',
        true,
      ),
    ],
  };
};

function ownerOf(
  { sourceValidation, sourceId }: ReturnType<typeof parseInterruptEntry>,
  segment: number,
): string {
  if (sourceValidation !== SOURCE_VALIDATION.BUS_RANGE)
    return formatPciAddress(pciAddressOf(segment, sourceId));
  const bus = (value: number) => value.toString(16).padStart(2, '0');
  return `buses ${bus(sourceId >>> 8)} to ${bus(sourceId & 0xff)}`;
}
