import type { KernelSubject } from '../kernel/errno.js';
import type { KernelDevice } from '../kernel/device/kernel-device.js';
import type { Domain } from '../kernel/iommu/domain.js';
import type { IommuGroup } from '../kernel/iommu/iommu-group.js';
import type { IntelUnit } from '../kernel/intel/unit.js';
import type { Endpoint } from '../kernel/iommu/endpoint.js';
import type { SoftwareParent } from '../kernel/mdev/software-parent.js';
import type { SoftwareSubdevice, Subdevice } from '../kernel/mdev/subdevice.js';
import type { VfioContainer } from '../kernel/vfio/objects.js';
import type { EndpointRef } from '../platform/command.js';
import type { StampedEvent } from '../platform/event-journal.js';
import type { Platform } from '../platform/platform.js';
import { encodeId } from './ids.js';

/**
 * What a GraphQL type is resolved from: an object of a platform together with that platform, and its id,
 * made once. Views are cached by object, so a list of a thousand devices makes no thousand strings twice.
 */
abstract class View<T> {
  constructor(
    readonly platform: Platform,
    readonly it: T,
    readonly id: string,
  ) {}
}

export class PlatformView extends View<Platform> {}
export class DeviceView extends View<KernelDevice> {}
export class SubdeviceView extends View<Subdevice> {}
export class SoftwareDeviceView extends View<SoftwareParent> {}
export class SoftwareSubdeviceView extends View<SoftwareSubdevice> {}
export class GroupView extends View<IommuGroup> {}
export class DomainView extends View<Domain> {}
export class UnitView extends View<IntelUnit> {}
export class ContainerView extends View<VfioContainer> {}
export class EventView extends View<StampedEvent> {}

export type NodeView =
  | PlatformView
  | DeviceView
  | SubdeviceView
  | SoftwareDeviceView
  | SoftwareSubdeviceView
  | GroupView
  | DomainView
  | UnitView
  | ContainerView
  | EventView;
export type EndpointView = DeviceView | SubdeviceView | SoftwareSubdeviceView;

function viewer<T extends object, V extends View<T>>(
  View: new (platform: Platform, it: T, id: string) => V,
  idOf: (platform: Platform, it: T) => string,
): (platform: Platform, it: T) => V {
  const views = new WeakMap<T, V>();
  return (platform, it) => {
    const known = views.get(it);
    // Copies of a platform share its events.
    if (known?.platform === platform) return known;
    const made = new View(platform, it, idOf(platform, it));
    views.set(it, made);
    return made;
  };
}

export const platformView = viewer<Platform, PlatformView>(PlatformView, (p) =>
  encodeId('Platform', p.name, ''),
);
export const deviceView = viewer<KernelDevice, DeviceView>(DeviceView, (p, it) =>
  encodeId('Device', p.name, it.name),
);
export const subdeviceView = viewer<Subdevice, SubdeviceView>(SubdeviceView, (p, it) =>
  encodeId('Subdevice', p.name, it.uuid),
);
export const softwareDeviceView = viewer<SoftwareParent, SoftwareDeviceView>(SoftwareDeviceView, (p, it) =>
  encodeId('SoftwareDevice', p.name, it.name),
);
export const softwareSubdeviceView = viewer<SoftwareSubdevice, SoftwareSubdeviceView>(
  SoftwareSubdeviceView,
  (p, it) => encodeId('SoftwareSubdevice', p.name, it.uuid),
);
export const groupView = viewer<IommuGroup, GroupView>(GroupView, (p, it) =>
  encodeId('Group', p.name, it.number),
);
export const domainView = viewer<Domain, DomainView>(DomainView, (p, it) =>
  encodeId('Domain', p.name, it.number),
);
export const unitView = viewer<IntelUnit, UnitView>(UnitView, (p, it) =>
  encodeId('IommuUnit', p.name, it.name),
);
export const containerView = viewer<VfioContainer, ContainerView>(ContainerView, (p, it) =>
  encodeId('VfioContainer', p.name, it.number),
);
/** Not cached: there may be a million events, and most are looked at once. */
export const eventView = (p: Platform, it: StampedEvent): EventView =>
  new EventView(p, it, encodeId('Event', p.name, it.sequence));

export function endpointView(platform: Platform, endpoint: Endpoint): EndpointView {
  if (endpoint.kind === 'Device') return deviceView(platform, endpoint);
  if (endpoint.kind === 'Subdevice') return subdeviceView(platform, endpoint);
  return softwareSubdeviceView(platform, endpoint);
}

/** The view of what an event or blocker names; null when it no longer exists. */
export function subjectView(platform: Platform, subject: KernelSubject | EndpointRef): NodeView | null {
  const { kernel } = platform;
  const orNull = <T extends object, V>(view: (platform: Platform, it: T) => V, it: T | undefined) =>
    it === undefined ? null : view(platform, it);
  switch (subject.kind) {
    case 'Device':
      return orNull(deviceView, kernel.devices.get(subject.name));
    case 'Subdevice':
      return orNull(subdeviceView, kernel.subdevices.get(subject.name));
    case 'SoftwareDevice':
      return orNull(softwareDeviceView, kernel.softwareParents.get(subject.name));
    case 'SoftwareSubdevice':
      return orNull(softwareSubdeviceView, kernel.softwareSubdevices.get(subject.name));
    case 'Group':
      return orNull(groupView, kernel.groups.get(subject.number));
    case 'Domain':
      return orNull(domainView, kernel.domains.get(subject.number));
    case 'IommuUnit':
      return orNull(
        unitView,
        kernel.units.find((unit) => unit.name === subject.name),
      );
    case 'VfioContainer':
      return orNull(containerView, kernel.vfio.containers.get(subject.number));
  }
}

/** The id of what an event or blocker names, also when it no longer exists. */
export function subjectId(platform: Platform, subject: KernelSubject | EndpointRef | null): string {
  if (subject === null) return encodeId('Platform', platform.name, '');
  return encodeId(subject.kind, platform.name, 'name' in subject ? subject.name : subject.number);
}
