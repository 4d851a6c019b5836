import type { Attachment } from '../../kernel/iommu/attachment.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { Endpoint } from '../../kernel/iommu/endpoint.js';
import type { IommuGroup } from '../../kernel/iommu/iommu-group.js';
import type { VfioContainer } from '../../kernel/vfio/objects.js';
import type { Command, TargetRef } from '../command.js';
import type { Platform } from '../platform.js';
import { refOf } from './named.js';

/** Commands that give a group back to the kernel: closed and out of its container, or off the domain it is on. */
export function releaseOf({ kernel }: Platform, group: IommuGroup): Command[] {
  const container = kernel.vfio.containerOf(group);
  if (container !== null) {
    const leave: Command = {
      type: 'removeGroupFromContainer',
      container: container.number,
      group: group.number,
    };
    return [...group.members.flatMap((member) => closingOf(container, member)), leave];
  }
  const { domain, defaultDomain } = group;
  if (domain === null || domain === defaultDomain) return [];
  return [detachOf(domain, { kind: 'Group', number: group.number })];
}

/** Closes every file a user has of a device of his container. */
export function closingOf({ openDevices }: VfioContainer, device: Endpoint): Command[] {
  const close: Command = { type: 'closeVfioDevice', group: device.group!.number, name: device.name };
  return Array.from({ length: openDevices.get(device) ?? 0 }, () => close);
}

/** Commands that end one attachment; none when only the kernel itself would. */
export function endingOf(platform: Platform, attachment: Attachment): Command[] {
  const { domain, endpoint, leaked } = attachment;
  if (leaked) return [];
  const { group } = endpoint;
  if (group !== null && platform.kernel.vfio.containerOf(group) !== null) return releaseOf(platform, group);
  if (endpoint.kind === 'Device') return group === null ? [] : releaseOf(platform, group);
  return detachFrom(domain, endpoint);
}

/** Takes a domain off an endpoint. */
export function detachFrom(domain: Domain, endpoint: Endpoint): Command[] {
  const target = refOf(endpoint);
  return target === null ? [] : [detachOf(domain, target)];
}

function detachOf(domain: Domain, target: TargetRef): Command {
  return { type: 'detach', domain: domain.number, target };
}
