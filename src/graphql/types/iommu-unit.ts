import type { U64 } from '../../bits/u64.js';
import { pciAddressOf } from '../../bits/pci-address.js';
import type { CacheEntryView } from '../../hardware/cache-views.js';
import type { RegisterValue } from '../../hardware/unit.js';
import { CAP_FIELDS, ECAP_FIELDS } from '../../layout/capability.js';
import type { FieldDefinition } from '../../layout/fields.js';
import { debugfsText } from '../../platform/debugfs/index.js';
import { presentInterruptEntries } from '../../platform/interrupt-entries.js';
import { InvalidInputError } from '../../platform/errors.js';
import { badRequest } from '../bad-request.js';
import { builder } from '../builder.js';
import { CacheKindEnum, DmaAccessEnum } from '../enums.js';
import { Node } from '../interfaces.js';
import { DeviceRef, IommuUnitRef } from '../refs.js';
import { UnitView, deviceView } from '../views.js';
import { DeviceScope } from './dmar.js';
import { InterruptEntry } from './interrupt.js';
import { RegisterField, fieldShapes } from './register-fields.js';

interface RegisterShape {
  readonly raw: U64;
  readonly table: readonly FieldDefinition[];
}

const CapabilityRegister = builder.objectRef<RegisterShape>('CapabilityRegister').implement({
  description: 'A capability register of a remapping unit.',
  fields: (t) => ({
    raw: t.expose('raw', { type: 'Address', description: 'The 64 bits.' }),
    fields: t.field({
      type: [RegisterField],
      description: 'The bits, decoded.',
      resolve: ({ raw, table }) => fieldShapes(table, [raw]),
    }),
  }),
});

const Register = builder.objectRef<RegisterValue>('Register').implement({
  description: 'A register of a remapping unit. VT-d 11 "Register Descriptions".',
  fields: (t) => ({
    name: t.exposeString('name', { description: "The specification's name." }),
    offset: t.expose('offset', { type: 'Address', description: 'Bytes from the register base.' }),
    widthBits: t.int({ description: '32 or 64.', resolve: ({ bytes }) => bytes * 8 }),
    value: t.expose('value', { type: 'Address', description: 'What a read returns now.' }),
    fields: t.field({
      type: [RegisterField],
      description: 'The value, decoded; empty for registers without fields.',
      resolve: ({ value, table }) => fieldShapes(table as readonly FieldDefinition[], [value]),
    }),
  }),
});

const CacheEntry = builder
  .objectRef<{ readonly segment: number; readonly it: CacheEntryView }>('CacheEntry')
  .implement({
    description: 'An entry a remapping unit, or a device, has cached.',
    fields: (t) => ({
      kind: t.field({
        type: CacheKindEnum,
        description: 'Which cache holds it.',
        resolve: ({ it }) => it.kind,
      }),
      sourceId: t.field({
        type: 'PciAddress',
        nullable: true,
        description: 'Requester it was cached for; null where the tag has none.',
        resolve: ({ segment, it }) => (it.sourceId === null ? null : pciAddressOf(segment, it.sourceId)),
      }),
      domainIdTag: t.int({
        nullable: true,
        description: 'Domain id it is tagged with.',
        resolve: ({ it }) => it.domainId,
      }),
      pasid: t.int({
        nullable: true,
        description: 'PASID it is tagged with.',
        resolve: ({ it }) => it.pasid,
      }),
      address: t.field({
        type: 'Address',
        nullable: true,
        description: 'First input address it translates.',
        resolve: ({ it }) => it.address,
      }),
      pageSize: t.field({
        type: 'ByteSize',
        nullable: true,
        description: 'Bytes it covers.',
        resolve: ({ it }) => it.pageSize,
      }),
      target: t.field({
        type: 'Address',
        nullable: true,
        description: 'Output address, or the table it points to.',
        resolve: ({ it }) => it.target,
      }),
      access: t.field({
        type: [DmaAccessEnum],
        description: 'Permissions it grants.',
        resolve: ({ it }) => [...it.access],
      }),
      stale: t.boolean({
        description: 'True when walking the tables now would give another answer.',
        resolve: ({ it }) => it.stale,
      }),
    }),
  });

const InvalidationQueue = builder
  .objectRef<{ base: U64; size: number; head: number; tail: number; descriptorBytes: number }>(
    'InvalidationQueue',
  )
  .implement({
    description: 'The invalidation queue of a unit. VT-d 6.5.2 "Queued Invalidation Interface".',
    fields: (t) => ({
      base: t.expose('base', { type: 'Address', description: 'Where it lies in memory.' }),
      size: t.exposeInt('size', { description: 'Descriptors it holds.' }),
      head: t.exposeInt('head', { description: 'Index of the descriptor the unit fetches next.' }),
      tail: t.exposeInt('tail', { description: 'Index of the slot software writes next.' }),
      descriptorBytes: t.exposeInt('descriptorBytes', { description: '16 or 32.' }),
    }),
  });

const FaultRecord = builder.objectRef<{ index: number; low: U64; high: U64 }>('FaultRecord').implement({
  description: 'A fault recording register. VT-d 11.4.9.6 "Fault Recording Registers".',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Which register, from 0.' }),
    low: t.expose('low', { type: 'Address', description: 'Bits 63:0.' }),
    high: t.expose('high', {
      type: 'Address',
      description: 'Bits 127:64; bit 63 set: the record is in use.',
    }),
  }),
});

IommuUnitRef.implement({
  description: 'One DMA remapping unit (one DRHD).',
  interfaces: [Node],
  isTypeOf: (value) => value instanceof UnitView,
  fields: (t) => ({
    name: t.string({ description: 'dmar0, dmar1, ...', resolve: ({ it }) => it.name }),
    segment: t.int({ description: 'PCI segment it serves.', resolve: ({ it }) => it.segment }),
    registerBase: t.field({
      type: 'Address',
      description: 'Where its registers are.',
      resolve: ({ it }) => it.registerBase,
    }),
    includeAll: t.boolean({
      description: 'Covers every device of the segment that no other unit claims.',
      resolve: ({ it }) => it.includeAll,
    }),
    version: t.string({
      description: 'major:minor of the VER register.',
      resolve: ({ it }) => `${it.version >>> 4}:${it.version & 15}`,
    }),
    capability: t.field({
      type: CapabilityRegister,
      description: 'The CAP register.',
      resolve: ({ it }) => ({ raw: it.capability, table: CAP_FIELDS }),
    }),
    extendedCapability: t.field({
      type: CapabilityRegister,
      description: 'The ECAP register.',
      resolve: ({ it }) => ({ raw: it.extendedCapability, table: ECAP_FIELDS }),
    }),
    scalableMode: t.boolean({
      description: 'Whether the kernel runs it with scalable-mode tables.',
      resolve: ({ it }) => it.scalableMode,
    }),
    domainIdsSupported: t.int({
      description: 'Number of domain ids it can tag with.',
      resolve: ({ it }) => it.domainIdsSupported,
    }),
    domainIdsUsed: t.int({
      description: 'Domain ids taken, reserved ones included, as sysfs counts them.',
      resolve: ({ it }) => it.domainIdsUsed,
    }),
    rootTableAddress: t.field({
      type: 'Address',
      nullable: true,
      description:
        'Where the kernel put the root table; null before it did. RTADDR itself is among the registers.',
      resolve: ({ it }) => it.rootTableAddress,
    }),
    scopes: t.field({
      type: [DeviceScope],
      description: 'The device scopes the firmware lists for this unit, in table order.',
      resolve: ({ platform, it }) => it.scopes.map((scope) => ({ platform, segment: it.segment, scope })),
    }),
    devices: t.field({
      type: [DeviceRef],
      description: 'Devices it serves, by address.',
      resolve: ({ platform, it }) =>
        [...platform.kernel.devices.values()]
          .filter(({ unit }) => unit === it)
          .map((one) => deviceView(platform, one)),
    }),
    registers: t.field({
      type: [Register],
      description: 'The whole register map, in order of offset.',
      resolve: ({ platform, it }) => [...platform.hardwareUnit(it.name).registers()],
    }),
    caches: t.field({
      type: [CacheEntry],
      description: 'Every entry cached now. Entries can be stale: that is what they are shown for.',
      args: {
        kind: t.arg({ type: CacheKindEnum, description: 'Only this cache.' }),
        first: t.arg.int({ defaultValue: 100, description: 'Give at most this many.' }),
      },
      resolve: ({ platform, it }, { kind, first }) =>
        platform
          .hardwareUnit(it.name)
          .cacheEntries(kind ?? null, first ?? 100)
          .map((entry) => ({ segment: it.segment, it: entry })),
    }),
    interruptEntries: t.field({
      type: [InterruptEntry],
      description: 'Present entries of its interrupt remapping table, as they lie in memory, in order.',
      args: { first: t.arg.int({ defaultValue: 100, description: 'Give at most this many.' }) },
      resolve: (view, { first }) => {
        const { memory, interruptTable } = view.platform.hardwareUnit(view.it.name);
        const present = presentInterruptEntries(memory, interruptTable.base, interruptTable.entries);
        return atMost(present, first ?? 100).map((it) => ({ view, it }));
      },
    }),
    invalidationQueue: t.field({
      type: InvalidationQueue,
      description: 'The queue of invalidation descriptors.',
      resolve: ({ platform, it }) => platform.hardwareUnit(it.name).queueState(),
    }),
    faultRecords: t.field({
      type: [FaultRecord],
      description: 'The fault recording registers, used or not.',
      resolve: ({ platform, it }) => [...platform.hardwareUnit(it.name).faultRecords()],
    }),
    debugfs: t.string({
      description:
        "This unit's part of a file in /sys/kernel/debug/iommu/intel, in the kernel's text: iommu_regset, dmar_translation_struct, domain_translation_struct (of the devices it serves), invalidation_queue, ir_translation_struct. Empty for a unit the driver leaves alone. Another name is an error.",
      args: { file: t.arg.string({ required: true, description: 'Name of the file.' }) },
      resolve: ({ platform, it }, { file }) => {
        try {
          return debugfsText(platform, it, file);
        } catch (error) {
          throw error instanceof InvalidInputError ? badRequest(error.message) : error;
        }
      },
    }),
  }),
});

function atMost<T>(from: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const each of from) {
    if (taken.length >= count) break;
    taken.push(each);
  }
  return taken;
}
