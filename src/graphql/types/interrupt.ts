import type { DeviceInterrupt as KernelInterrupt } from '../../kernel/interrupt/device-interrupt.js';
import type { PresentInterruptEntry } from '../../platform/interrupt-entries.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { InterruptKindEnum } from '../enums.js';
import { DeviceRef, IommuUnitRef } from '../refs.js';
import { type UnitView, deviceView, unitView } from '../views.js';
import { u64 } from '../../bits/u64.js';
import { TableEntry } from './walk.js';

export const DeviceInterrupt = builder
  .objectRef<{ readonly platform: Platform; readonly it: KernelInterrupt }>('DeviceInterrupt')
  .implement({
    description: 'A message-signalled interrupt that the driver of a device has.',
    fields: (t) => ({
      number: t.int({
        description: 'From 0, as SignalInterruptInput.interrupt takes it.',
        resolve: ({ it }) => it.number,
      }),
      kind: t.field({
        type: InterruptKindEnum,
        description: 'How the device signals it.',
        resolve: ({ it }) => it.kind,
      }),
      address: t.field({
        type: 'Address',
        description: 'Where the device writes: the remappable format names an entry of a table.',
        resolve: ({ it }) => it.address,
      }),
      data: t.field({
        type: 'Address',
        description: 'What it writes there, 32 bits.',
        resolve: ({ it }) => u64(0, it.data),
      }),
      vector: t.int({
        description: 'Vector the kernel gave it, 81 to 235.',
        resolve: ({ it }) => it.target.vector,
      }),
      destination: t.field({
        type: 'Address',
        description: 'Logical id of the processor it goes to.',
        resolve: ({ it }) => u64(0, it.target.destination),
      }),
      iommuUnit: t.field({
        type: IommuUnitRef,
        nullable: true,
        description: 'The unit whose table it goes through; null where interrupts are not remapped.',
        resolve: ({ platform, it }) => (it.entry === null ? null : unitView(platform, it.entry.unit)),
      }),
      index: t.int({
        nullable: true,
        description: 'Its entry in that table, 0 to 65535; null where interrupts are not remapped.',
        resolve: ({ it }) => it.entry?.index ?? null,
      }),
    }),
  });

export const InterruptEntry = builder
  .objectRef<{ readonly view: UnitView; readonly it: PresentInterruptEntry }>('InterruptEntry')
  .implement({
    description:
      'A present entry of an interrupt remapping table. VT-d 9.10 "Interrupt Remapping Table Entry".',
    fields: (t) => ({
      index: t.int({ description: '0 to 65535.', resolve: ({ it }) => it.index }),
      device: t.field({
        type: DeviceRef,
        nullable: true,
        description: 'The device whose driver it was written for; null when the kernel did not write it.',
        resolve: ({ view: { platform, it: unit }, it: { index } }) => {
          const owner = [...platform.kernel.devices.values()].find(({ interrupts }) =>
            interrupts.some(({ entry }) => entry?.unit === unit && entry.index === index),
          );
          return owner === undefined ? null : deviceView(platform, owner);
        },
      }),
      entry: t.field({
        type: TableEntry,
        description: 'The two words.',
        resolve: ({ it: { address, words } }) => ({
          level: 'IRTE' as const,
          scalable: false,
          address,
          words,
          present: true,
        }),
      }),
    }),
  });
