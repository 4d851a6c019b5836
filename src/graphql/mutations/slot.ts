import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import { builder } from '../builder.js';
import {
  HotplugDeviceInput,
  RemoveDeviceInput,
  RescanBusInput,
  SetNumVfsInput,
  askHotplugDevice,
  askRemoveDevice,
  askRescanBus,
  askSetNumVfs,
} from '../commands/slot.js';
import { encodeId } from '../ids.js';
import { DeviceRef } from '../refs.js';
import { deviceView } from '../views.js';
import { payloadType, perform, resultUnion } from './command.js';

const FoundPayload = payloadType<'FoundDevicesPayload', readonly KernelDevice[]>(
  'FoundDevicesPayload',
  'The kernel looked for functions it did not know.',
);
FoundPayload.implement((t) => ({
  devices: t.field({
    type: [DeviceRef],
    description: 'Those it found, in the order it found them; one that no unit serves has no group.',
    resolve: ({ platform, value }) => value.map((device) => deviceView(platform, device)),
  }),
}));
const FoundResult = resultUnion('FoundDevicesResult', FoundPayload.ref, 'KERNEL');

const RemovedPayload = payloadType<'RemoveDevicePayload', readonly string[]>(
  'RemoveDevicePayload',
  'Devices went away.',
);
RemovedPayload.implement((t) => ({
  removedIds: t.idList({
    description: 'Ids they had: the device, what was behind it, its virtual functions.',
    resolve: ({ platform, value }) => value.map((name) => encodeId('Device', platform.name, name)),
  }),
}));
const RemovedResult = resultUnion('RemoveDeviceResult', RemovedPayload.ref, 'KERNEL');

type NumVfs = { readonly device: KernelDevice; readonly virtualFunctions: readonly KernelDevice[] };
const NumVfsPayload = payloadType<'SetNumVfsPayload', NumVfs>(
  'SetNumVfsPayload',
  'A physical function shows as many virtual functions as asked.',
);
NumVfsPayload.implement((t) => ({
  device: t.field({
    type: DeviceRef,
    description: 'The physical function.',
    resolve: ({ platform, value }) => deviceView(platform, value.device),
  }),
  virtualFunctions: t.field({
    type: [DeviceRef],
    description: 'The virtual functions it has now, first one first.',
    resolve: ({ platform, value }) => value.virtualFunctions.map((device) => deviceView(platform, device)),
  }),
}));
const NumVfsResult = resultUnion('SetNumVfsResult', NumVfsPayload.ref, 'KERNEL');

builder.mutationFields((t) => ({
  hotplugDevice: t.field({
    type: FoundResult,
    description:
      'Puts a card into a slot, where the kernel finds it: each function gets its unit and group, and the driver its listing names. Linux: pciehp_configure_device().',
    args: { input: t.arg({ type: HotplugDeviceInput, required: true, description: 'What, and where.' }) },
    resolve: (_root, { input }, context) => perform(context, 'FoundDevicesPayload', input, askHotplugDevice),
  }),
  rescanBus: t.field({
    type: FoundResult,
    description:
      'Looks for functions the kernel does not know, such as those removed before. Linux: /sys/bus/pci/rescan.',
    args: { input: t.arg({ type: RescanBusInput, required: true, description: 'Where.' }) },
    resolve: (_root, { input }, context) => perform(context, 'FoundDevicesPayload', input, askRescanBus),
  }),
  removeDevice: t.field({
    type: RemovedResult,
    description:
      'Removes a device with everything behind it: drivers stop, groups are left, a group without members goes. Refused with EAGAIN while a user would have to be waited for. Linux: the `remove` file of a device, pci_stop_and_remove_bus_device().',
    args: { input: t.arg({ type: RemoveDeviceInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, context) => perform(context, 'RemoveDevicePayload', input, askRemoveDevice),
  }),
  setNumVfs: t.field({
    type: NumVfsResult,
    description:
      'Switches virtual functions of a device on, or all of them off. Linux: sriov_numvfs_store(): ENOENT without a capability or a driver that does it, ERANGE above the total, EBUSY from one number above 0 to another, ENOMEM when they would be on a bus no bridge leads to.',
    args: { input: t.arg({ type: SetNumVfsInput, required: true, description: 'Which device, how many.' }) },
    resolve: (_root, { input }, context) => perform(context, 'SetNumVfsPayload', input, askSetNumVfs),
  }),
}));
