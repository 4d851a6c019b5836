import type { Domain } from '../iommu/domain.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { Subdevice } from '../mdev/subdevice.js';
import { neighboursInContext } from '../pci/neighbours.js';
import type { KernelState } from '../state.js';

/** What a primary attachment made for a subdevice does to everybody else on the parent. */
export function primaryAttachWarnings(
  state: KernelState,
  domain: Domain,
  parent: KernelDevice,
  subdevice: Subdevice,
): string[] {
  const afterwards =
    state.model.attachesToParent === 'NEVER'
      ? 'nothing restores the old domain at detach'
      : 'it goes back to its default domain at detach';
  const warnings = [
    `The AUX feature of ${parent.name} is off: domain ${domain.number} becomes the primary domain of ${parent.name} itself, not of subdevice ${subdevice.uuid} alone. Untagged DMA of ${parent.name}${driverOf(parent)} now goes through it, and ${afterwards}.`,
  ];
  const evicted = parent.attachments.find((each) => each.kind === 'PRIMARY');
  if (evicted !== undefined && evicted.domain !== domain) {
    const whose = evicted.endpoint === parent ? `${parent.name}` : `subdevice ${evicted.endpoint.name}`;
    warnings.push(
      `Domain ${evicted.domain.number} of ${whose} is evicted from ${parent.name} without an error.`,
    );
  }
  for (const neighbour of neighboursInContext(state.machine.topology, parent)) {
    warnings.push(
      `Requests of ${neighbour.name}${driverOf(neighbour)} arrive under an id ${parent.name} uses too, so they go through domain ${domain.number} as well.`,
    );
  }
  for (const attachment of parent.attachments) {
    if (attachment.kind !== 'AUX') continue;
    warnings.push(
      `Subdevice ${attachment.endpoint.name} loses its translation: the PASID table of ${parent.name} is replaced, and with it PASID ${attachment.pasid} of domain ${attachment.domain.number}.`,
    );
  }
  for (const sibling of state.subdevices.values()) {
    if (sibling.parent !== parent || sibling === subdevice || sibling.domain === null) continue;
    if (sibling.domain === domain || evicted?.endpoint === sibling) continue;
    if (parent.attachments.some((each) => each.endpoint === sibling)) continue;
    warnings.push(`Subdevice ${sibling.uuid} of the same parent already has no working attachment.`);
  }
  return warnings;
}

function driverOf(parent: KernelDevice): string {
  return parent.driver === null ? '' : ` (driver ${parent.driver})`;
}
