import { parsePciAddress } from '../../bits/pci-address.js';
import type { PciAddress } from '../../bits/pci-address.js';
import { ADDRESS_PATTERN } from '../text-lines.js';

const ADDED = new RegExp(`\\b(${ADDRESS_PATTERN}): Adding to iommu group (\\d{1,9})`);
/** As kernels before 5.3 worded it. */
const ADDED_OLD = new RegExp(`\\bAdding device (${ADDRESS_PATTERN}) to group (\\d{1,9})`);
const REMOVED = new RegExp(`\\b(${ADDRESS_PATTERN}): Removing from iommu group`);

/** What a line of a kernel log says of the group of a PCI function; null when it says nothing. */
export function groupChange(text: string): { address: PciAddress; group: number | null } | null {
  if (!text.includes('group')) return null;
  const added = ADDED.exec(text) ?? ADDED_OLD.exec(text);
  const address = parsePciAddress((added ?? REMOVED.exec(text))?.[1] ?? '');
  return address && { address, group: added && Number(added[2]) };
}
