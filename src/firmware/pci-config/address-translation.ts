import type { AtsCapability } from '../../layout/pci/ats.js';
import type { PasidCapability } from '../../layout/pci/pasid.js';
import type { PriCapability } from '../../layout/pci/pri.js';

/** What is left out is off or zero; the queue depth is 32 then, as a register of zero says. */
export type AtsPart = Partial<Omit<AtsCapability, 'offset'>>;
export type PriPart = Partial<Omit<PriCapability, 'offset'>>;
export type PasidPart = Partial<Omit<PasidCapability, 'offset'>> & Pick<PasidCapability, 'maxWidth'>;

const flags = (...bits: readonly [boolean | undefined, number][]) =>
  bits.reduce((word, [set, bit]) => (set ? word | (1 << bit) : word), 0);

/** Spec: PCI Express 10.5.1 "ATS Extended Capability". */
export function atsBody(part: AtsPart): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  const depth = (part.queueDepth ?? 32) & 0x1f;
  view.setUint16(4, depth | flags([part.pageAlignedRequest, 5], [part.globalInvalidate, 6]), true);
  view.setUint16(6, ((part.smallestTranslationUnit ?? 0) & 0x1f) | flags([part.enabled, 15]), true);
  return bytes;
}

/** Spec: PCI Express 10.5.2 "Page Request Extended Capability Structure". */
export function priBody(part: PriPart): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, flags([part.enabled, 0]), true);
  const status = flags(
    [part.responseFailure, 0],
    [part.unexpectedGroupIndex, 1],
    [part.stopped, 8],
    [part.responsePasidRequired, 15],
  );
  view.setUint16(6, status, true);
  view.setUint32(8, part.maxRequests ?? 0, true);
  view.setUint32(12, part.allowedRequests ?? 0, true);
  return bytes;
}

/** Spec: PCI Express 7.8.9 "PASID Extended Capability Structure". */
export function pasidBody(part: PasidPart): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  const supported = flags([part.executeSupported, 1], [part.privilegedSupported, 2]);
  view.setUint16(4, supported | ((part.maxWidth & 0x1f) << 8), true);
  const control = flags([part.enabled, 0], [part.executeEnabled, 1], [part.privilegedEnabled, 2]);
  view.setUint16(6, control, true);
  return bytes;
}
