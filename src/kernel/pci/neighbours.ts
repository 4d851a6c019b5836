import type { PciTopology } from '../../hardware/pci/topology.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { sharersOfIds } from './dma-alias.js';

/**
 * Devices whose requests a unit cannot tell from those of a device: they share a context entry with it. Such
 * devices are in one group, but a domain attached for a subdevice reaches the entry past the group.
 * Linux: domain_context_mapping(), for each DMA alias.
 */
export function neighboursInContext(topology: PciTopology, device: KernelDevice): KernelDevice[] {
  const members = (device.group?.members ?? []).filter(
    (member): member is KernelDevice => member.kind === 'Device',
  );
  const sharers = new Set(
    sharersOfIds(
      topology,
      device.fn,
      members.map(({ fn }) => fn),
    ),
  );
  return members.filter(({ fn }) => sharers.has(fn));
}
