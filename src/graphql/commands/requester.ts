import { type PciAddress, formatPciAddress } from '../../bits/pci-address.js';
import type { InputFields } from './asked.js';

/** The requester id of a request, where it is not the sender's own. */
export function requesterField(t: InputFields) {
  return t.field({
    type: 'PciAddress',
    description:
      "Bus, device and function on the request where they are not the sender's: devices with phantom functions, and bridges that answer for others, send such requests. The segment is the sender's, whatever is given.",
  });
}

/** As a command holds it: a field that was left out is not there. */
export function requesterChoice(requester: PciAddress | null | undefined): { readonly requester?: string } {
  return requester == null ? {} : { requester: formatPciAddress(requester) };
}
