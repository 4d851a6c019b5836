import type { RemappingUnit } from '../../hardware/unit.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { IommuGroup } from '../../kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Subdevice } from '../../kernel/mdev/subdevice.js';
import type { VfioContainer } from '../../kernel/vfio/objects.js';
import type { EndpointRef, TargetRef } from '../command.js';
import { NotFoundError } from '../errors.js';
import type { Platform } from '../platform.js';

/* What a command names, by its own key; `NotFoundError` when the platform has no such thing. */

export function hardwareUnitOf(platform: Platform, name: string): RemappingUnit {
  const unit = platform.machine.units.find((candidate) => candidate.name === name);
  if (unit === undefined) throw new NotFoundError('IommuUnit', name, platform.name);
  return unit;
}

export function deviceOf(platform: Platform, name: string): KernelDevice {
  const device = platform.kernel.devices.get(name);
  if (device === undefined) throw new NotFoundError('Device', name, platform.name);
  return device;
}

export function subdeviceOf(platform: Platform, uuid: string): Subdevice {
  const subdevice = platform.kernel.subdevices.get(uuid);
  if (subdevice === undefined) throw new NotFoundError('Subdevice', uuid, platform.name);
  return subdevice;
}

export function domainOf(platform: Platform, number: number): Domain {
  const domain = platform.kernel.domains.get(number);
  if (domain === undefined) throw new NotFoundError('Domain', String(number), platform.name);
  return domain;
}

export function endpointOf(platform: Platform, ref: EndpointRef): KernelDevice | Subdevice {
  return ref.kind === 'Device' ? deviceOf(platform, ref.name) : subdeviceOf(platform, ref.name);
}

export function targetOf(platform: Platform, ref: TargetRef): KernelDevice | Subdevice | IommuGroup {
  return ref.kind === 'Group' ? groupOf(platform, ref.number) : endpointOf(platform, ref);
}

export function groupOf(platform: Platform, number: number): IommuGroup {
  const group = platform.kernel.groups.get(number);
  if (group === undefined) throw new NotFoundError('Group', String(number), platform.name);
  return group;
}

export function containerOf(platform: Platform, number: number): VfioContainer {
  const container = platform.kernel.vfio.containers.get(number);
  if (container === undefined) throw new NotFoundError('VfioContainer', String(number), platform.name);
  return container;
}
