import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { MdevParent } from '../../kernel/mdev/mdev-parent.js';
import type { MdevType as KernelMdevType } from '../../kernel/mdev/mdev-type.js';
import type { SoftwareParent } from '../../kernel/mdev/software-parent.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { DeviceRef, SoftwareDeviceRef, SoftwareSubdeviceRef, SubdeviceRef } from '../refs.js';
import { deviceView, softwareDeviceView, softwareSubdeviceView, subdeviceView } from '../views.js';

interface TypeShape<P extends MdevParent> {
  readonly platform: Platform;
  readonly it: KernelMdevType<P>;
}

/** What a type shows whatever its parent is. Linux: /sys/class/mdev_bus/<parent>/mdev_supported_types/<id>. */
function typeObject<P extends MdevParent>(name: string, description: string) {
  return builder.objectRef<TypeShape<P>>(name).implement({
    description,
    fields: (t) => ({
      name: t.string({
        description: 'Type id as the kernel names it, <driver>-<group>.',
        resolve: ({ it }) => it.name,
      }),
      displayName: t.string({
        nullable: true,
        description: 'Name for people.',
        resolve: ({ it }) => it.displayName,
      }),
      description: t.string({
        nullable: true,
        description: 'What it is.',
        resolve: ({ it }) => it.description,
      }),
      deviceApi: t.string({
        description: 'How user space drives it: vfio-pci, ...',
        resolve: ({ it }) => it.deviceApi,
      }),
      availableInstances: t.int({
        description: 'How many more can be created now.',
        resolve: ({ it }) => it.availableInstances,
      }),
    }),
  });
}

export const MdevType = typeObject<KernelDevice>('MdevType', 'A kind of subdevice a parent can create.');
export const SoftwareMdevType = typeObject<SoftwareParent>(
  'SoftwareMdevType',
  'A kind of subdevice a driver makes without hardware.',
);

builder.objectFields(MdevType, (t) => ({
  parent: t.field({
    type: DeviceRef,
    description: 'The device that creates them.',
    resolve: ({ platform, it }) => deviceView(platform, it.parent),
  }),
  subdevices: t.field({
    type: [SubdeviceRef],
    description: 'The ones that exist, in order of creation.',
    resolve: ({ platform, it }) => it.subdevices.map((one) => subdeviceView(platform, one)),
  }),
}));

builder.objectFields(SoftwareMdevType, (t) => ({
  parent: t.field({
    type: SoftwareDeviceRef,
    description: 'What they are made of.',
    resolve: ({ platform, it }) => softwareDeviceView(platform, it.parent),
  }),
  subdevices: t.field({
    type: [SoftwareSubdeviceRef],
    description: 'The ones that exist, in order of creation.',
    resolve: ({ platform, it }) => it.subdevices.map((one) => softwareSubdeviceView(platform, one)),
  }),
}));
