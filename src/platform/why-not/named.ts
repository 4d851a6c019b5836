import type { KernelSubject } from '../../kernel/errno.js';
import type { Endpoint } from '../../kernel/iommu/endpoint.js';
import type { IommuGroup } from '../../kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { VfioContainer } from '../../kernel/vfio/objects.js';
import type { Command, EndpointRef } from '../command.js';
import type { Platform } from '../platform.js';

/* The objects commands and blockers speak of, looked up without complaint. */

/** The group a command is about; null when it is about none. */
export function groupNamed({ kernel }: Platform, command: Command): IommuGroup | null {
  if ('group' in command) return kernel.groups.get(command.group) ?? null;
  if (command.type !== 'attach' && command.type !== 'detach') return null;
  const { target } = command;
  if (target.kind === 'Group') return kernel.groups.get(target.number) ?? null;
  return endpointNamed(kernel, target)?.group ?? null;
}

/** Members a command would attach a domain to. */
export function endpointsNamed({ kernel }: Platform, command: Command): readonly Endpoint[] {
  if (command.type === 'attach' && command.target.kind !== 'Group') {
    const endpoint = endpointNamed(kernel, command.target);
    return endpoint === undefined ? [] : [endpoint];
  }
  if (command.type === 'setContainerIommu')
    return kernel.vfio.containers.get(command.container)?.groups.flatMap(({ members }) => members) ?? [];
  if ('group' in command) return kernel.groups.get(command.group)?.members ?? [];
  if (command.type === 'attach' && command.target.kind === 'Group')
    return kernel.groups.get(command.target.number)?.members ?? [];
  return [];
}

/** The container a command is about. */
export function containerNamed({ kernel }: Platform, command: Command): VfioContainer | null {
  return 'container' in command ? (kernel.vfio.containers.get(command.container) ?? null) : null;
}

/** The device a blocker or a command is about. */
export function deviceNamed(
  { kernel }: Platform,
  subject: KernelSubject | null,
  command: Command,
): KernelDevice | null {
  if (subject?.kind === 'Device') return kernel.devices.get(subject.name) ?? null;
  if ('device' in command) return kernel.devices.get(command.device) ?? null;
  if (command.type === 'createMdev') return kernel.devices.get(command.parent) ?? null;
  return null;
}

/** The function whose tables an attachment of this endpoint changes; null for those of no function. */
export function functionBehind(endpoint: Endpoint): KernelDevice | null {
  if (endpoint.kind === 'Device') return endpoint;
  return endpoint.kind === 'Subdevice' ? endpoint.parent : null;
}

/** How a command names an endpoint; null for one that commands cannot name. */
export function refOf(endpoint: Endpoint): EndpointRef | null {
  if (endpoint.kind === 'SoftwareSubdevice') return null;
  return { kind: endpoint.kind, name: endpoint.name };
}

function endpointNamed(kernel: Platform['kernel'], { kind, name }: EndpointRef) {
  return kind === 'Device' ? kernel.devices.get(name) : kernel.subdevices.get(name);
}
