import { builder } from '../builder.js';
import { Endpoint, Node } from '../interfaces.js';
import { PlatformRef, SoftwareDeviceRef, SoftwareSubdeviceRef } from '../refs.js';
import {
  SoftwareDeviceView,
  SoftwareSubdeviceView,
  platformView,
  softwareDeviceView,
  softwareSubdeviceView,
} from '../views.js';
import { IommuOps } from './kernel.js';
import { SoftwareMdevType } from './mdev-type.js';

SoftwareDeviceRef.implement({
  description:
    'A parent of subdevices that is no PCI function and sends no requests, such as the sample driver mtty.',
  interfaces: [Node],
  isTypeOf: (value) => value instanceof SoftwareDeviceView,
  fields: (t) => ({
    name: t.string({ description: 'As under /sys/devices/virtual.', resolve: ({ it }) => it.name }),
    driver: t.string({ nullable: true, description: 'The driver.', resolve: ({ it }) => it.driver }),
    platform: t.field({
      type: PlatformRef,
      description: 'The machine it belongs to.',
      resolve: ({ platform }) => platformView(platform, platform),
    }),
    mdevTypes: t.field({
      type: [SoftwareMdevType],
      description: 'Kinds of subdevice it offers.',
      resolve: ({ platform, it }) => platform.kernel.mdevTypes(it).map((type) => ({ platform, it: type })),
    }),
    subdevices: t.field({
      type: [SoftwareSubdeviceRef],
      description: 'Its subdevices, in order of creation.',
      resolve: ({ platform, it }) =>
        [...platform.kernel.softwareSubdevices.values()]
          .filter(({ parent }) => parent === it)
          .map((one) => softwareSubdeviceView(platform, one)),
    }),
  }),
});

SoftwareSubdeviceRef.implement({
  description: 'A subdevice without hardware behind it. It has no unit and no PASID.',
  interfaces: [Node, Endpoint],
  isTypeOf: (value) => value instanceof SoftwareSubdeviceView,
  fields: (t) => ({
    uuid: t.field({ type: 'UUID', description: 'Its name on its bus.', resolve: ({ it }) => it.uuid }),
    type: t.string({ description: 'Id of the type it was created from.', resolve: ({ it }) => it.typeName }),
    parent: t.field({
      type: SoftwareDeviceRef,
      description: 'What it was made of.',
      resolve: ({ platform, it }) => softwareDeviceView(platform, it.parent),
    }),
    driver: t.string({
      nullable: true,
      description: 'The bound driver; null when none takes it, so that it is no VFIO device.',
      resolve: ({ it }) => it.driver,
    }),
    iommuOps: t.field({
      type: IommuOps,
      nullable: true,
      description: 'The operations that serve it, or were asked to; null when none do.',
      resolve: ({ it }) => it.iommuOps,
    }),
  }),
});

builder.objectFields(PlatformRef, (t) => ({
  softwareDevices: t.field({
    type: [SoftwareDeviceRef],
    description: 'Parents of subdevices that are no PCI functions.',
    resolve: ({ it }) => [...it.kernel.softwareParents.values()].map((one) => softwareDeviceView(it, one)),
  }),
  softwareSubdevices: t.field({
    type: [SoftwareSubdeviceRef],
    description: 'Subdevices of such parents, in order of creation.',
    resolve: ({ it }) =>
      [...it.kernel.softwareSubdevices.values()].map((one) => softwareSubdeviceView(it, one)),
  }),
}));
