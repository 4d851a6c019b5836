import { builder } from './builder.js';
import type {
  ContainerView,
  DeviceView,
  DomainView,
  EventView,
  GroupView,
  PlatformView,
  SoftwareDeviceView,
  SoftwareSubdeviceView,
  SubdeviceView,
  UnitView,
} from './views.js';

/** The object types that refer to each other, named here so that each can be told in a file of its own. */
export const PlatformRef = builder.objectRef<PlatformView>('Platform');
export const DeviceRef = builder.objectRef<DeviceView>('Device');
export const SubdeviceRef = builder.objectRef<SubdeviceView>('Subdevice');
export const SoftwareDeviceRef = builder.objectRef<SoftwareDeviceView>('SoftwareDevice');
export const SoftwareSubdeviceRef = builder.objectRef<SoftwareSubdeviceView>('SoftwareSubdevice');
export const GroupRef = builder.objectRef<GroupView>('Group');
export const DomainRef = builder.objectRef<DomainView>('Domain');
export const IommuUnitRef = builder.objectRef<UnitView>('IommuUnit');
export const VfioContainerRef = builder.objectRef<ContainerView>('VfioContainer');
export const FaultEventRef = builder.objectRef<EventView>('FaultEvent');
export const InvalidationEventRef = builder.objectRef<EventView>('InvalidationEvent');
