import { comparePciAddress, formatPciAddress } from '../bits/pci-address.js';
import type { PciAddress } from '../bits/pci-address.js';
import type { ReportedGroup } from './description.js';

/** Gathers group members as a text names them, in any order and more than once. */
export class GroupCollector {
  private readonly groupOf = new Map<string, { number: number; address: PciAddress }>();

  /** The group the function was in before when that was another one, else null. */
  add(number: number, address: PciAddress): number | null {
    const key = formatPciAddress(address);
    const before = this.groupOf.get(key);
    this.groupOf.set(key, { number, address });
    return before && before.number !== number ? before.number : null;
  }

  remove(address: PciAddress): void {
    this.groupOf.delete(formatPciAddress(address));
  }

  /** By group number; members by address. */
  groups(): ReportedGroup[] {
    const members = new Map<number, PciAddress[]>();
    for (const { number, address } of this.groupOf.values()) {
      const group = members.get(number);
      if (group) group.push(address);
      else members.set(number, [address]);
    }
    return [...members]
      .map(([number, addresses]) => ({ number, members: addresses.sort(comparePciAddress) }))
      .sort((a, b) => a.number - b.number);
  }
}
