import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { requireId } from '../ids.js';
import { type Asked, requestFields } from './asked.js';

export const HotplugDeviceInput = builder.inputType('HotplugDeviceInput', {
  description: 'A card and the platform it is put into.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform.' }),
    pci: t.string({
      required: true,
      description:
        'Its functions as `lspci -xxxx -s SLOT` prints them, bridges included; the addresses say which slot. At most 16384 functions.',
    }),
    ...requestFields(t),
  }),
});

export const RescanBusInput = builder.inputType('RescanBusInput', {
  description: 'Where to look for functions.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform.' }),
    ...requestFields(t),
  }),
});

export const RemoveDeviceInput = builder.inputType('RemoveDeviceInput', {
  description: 'A device that is to go.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device; a bridge goes with all behind it.' }),
    unplug: t.boolean({
      defaultValue: false,
      description:
        'Take it out of its slot too. Otherwise only the kernel forgets it, and `rescanBus` finds it again.',
    }),
    ...requestFields(t),
  }),
});

export const SetNumVfsInput = builder.inputType('SetNumVfsInput', {
  description: 'How many virtual functions a device is to show.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the physical function.' }),
    count: t.int({
      required: true,
      description: '0 to DeviceCapabilities.totalVfs; from a number above 0 only to 0.',
    }),
    ...requestFields(t),
  }),
});

export function askHotplugDevice(input: typeof HotplugDeviceInput.$inferInput): Asked<'hotplugDevice'> {
  const { platform } = requireId(input.platform, ['input', 'platform'], 'Platform');
  return { platform, command: { type: 'hotplugDevice', pci: input.pci } };
}

export function askRescanBus(input: typeof RescanBusInput.$inferInput): Asked<'rescanBus'> {
  const { platform } = requireId(input.platform, ['input', 'platform'], 'Platform');
  return { platform, command: { type: 'rescanBus' } };
}

export function askRemoveDevice(input: typeof RemoveDeviceInput.$inferInput): Asked<'removeDevice'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  const command = { type: 'removeDevice', device: id.key, unplug: input.unplug ?? false } as const;
  return { platform: id.platform, command };
}

export function askSetNumVfs(input: typeof SetNumVfsInput.$inferInput): Asked<'setNumVfs'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  // The file takes a number of 16 bits; what is no such number reaches nobody.
  if (input.count < 0 || input.count > 0xffff)
    throw new InvalidInputError(['input', 'count'], 'A number of virtual functions is 0 to 65535.');
  return { platform: id.platform, command: { type: 'setNumVfs', device: id.key, count: input.count } };
}
