import { formatPciAddress } from '../../bits/pci-address.js';
import type {
  DeviceScope as Scope,
  DmarTable as Table,
  RemappingStructure,
} from '../../layout/dmar/table.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { DeviceScopeKindEnum } from '../enums.js';
import { DeviceRef } from '../refs.js';
import { type DeviceView, deviceView } from '../views.js';

/** A scope with the segment its structure speaks of. */
export interface ScopeShape {
  readonly platform: Platform;
  readonly segment: number;
  readonly scope: Scope;
}

export const DeviceScope = builder.objectRef<ScopeShape>('DeviceScope').implement({
  description:
    'A device a remapping structure speaks of, as a path of device.function hops from a start bus.',
  fields: (t) => ({
    kind: t.field({
      type: DeviceScopeKindEnum,
      description: 'What the scope names.',
      resolve: ({ scope }) => scope.kind,
    }),
    enumerationId: t.int({
      description: 'I/O APIC id, HPET number or ACPI device number; 0 for PCI.',
      resolve: ({ scope }) => scope.enumerationId,
    }),
    startBus: t.int({
      description: 'Bus number the path starts on.',
      resolve: ({ scope }) => scope.startBus,
    }),
    path: t.stringList({
      description: 'Hops as DD.F, hexadecimal device.',
      resolve: ({ scope }) =>
        scope.path.map((hop) => `${hop.device.toString(16).padStart(2, '0')}.${hop.function}`),
    }),
    device: t.field({
      type: DeviceRef,
      nullable: true,
      description: 'The device the path leads to; null when it is not present.',
      resolve: scopeDevice,
    }),
  }),
});

/** The device a PCI scope leads to. */
export function scopeDevice({ platform, segment, scope }: ScopeShape): DeviceView | null {
  if (scope.kind !== 'PCI_ENDPOINT' && scope.kind !== 'PCI_SUB_HIERARCHY') return null;
  const fn = platform.machine.topology.resolveScope(segment, scope);
  const device = fn === null ? undefined : platform.kernel.devices.get(formatPciAddress(fn.address));
  return device === undefined ? null : deviceView(platform, device);
}

/** The scopes of a structure; empty for those that have none. */
export function scopesOf(platform: Platform, structure: RemappingStructure): ScopeShape[] {
  if (!('scopes' in structure)) return [];
  return structure.scopes.map((scope) => ({ platform, segment: structure.segment, scope }));
}

const DmarStructure = builder
  .objectRef<{ platform: Platform; structure: RemappingStructure }>('DmarStructure')
  .implement({
    description:
      'One remapping structure. name: DRHD, RMRR, ATSR, RHSA, ANDD, SATC, SIDP, or TYPE_n for an unknown one.',
    fields: (t) => ({
      type: t.int({ description: 'The type number.', resolve: ({ structure }) => structure.type }),
      name: t.string({
        description: 'The name of the type.',
        resolve: ({ structure }) =>
          structure.kind === 'UNKNOWN' ? `TYPE_${structure.type}` : structure.kind,
      }),
      offset: t.int({
        description: 'Byte offset in the table.',
        resolve: ({ structure }) => structure.offset,
      }),
      length: t.int({ description: 'Bytes.', resolve: ({ structure }) => structure.length }),
      segment: t.int({
        nullable: true,
        description: 'PCI segment; null for structures that have none.',
        resolve: ({ structure }) => ('segment' in structure ? structure.segment : null),
      }),
      scopes: t.field({
        type: [DeviceScope],
        description: 'The devices it speaks of, in table order.',
        resolve: ({ platform, structure }) => scopesOf(platform, structure),
      }),
    }),
  });

export const DmarTable = builder.objectRef<{ platform: Platform; table: Table }>('DmarTable').implement({
  description: 'The header of an ACPI DMAR table and its remapping structures in table order.',
  fields: (t) => ({
    hostAddressWidth: t.int({
      description: 'Bits of physical address the platform uses.',
      resolve: ({ table }) => table.hostAddressWidth,
    }),
    interruptRemapping: t.boolean({
      description: 'Flag INTR_REMAP.',
      resolve: ({ table }) => table.interruptRemapping,
    }),
    x2apicOptOut: t.boolean({
      description: 'Flag X2APIC_OPT_OUT.',
      resolve: ({ table }) => table.x2apicOptOut,
    }),
    dmaControlOptIn: t.boolean({
      description: 'Flag DMA_CTRL_PLATFORM_OPT_IN_FLAG.',
      resolve: ({ table }) => table.dmaControlOptIn,
    }),
    checksumValid: t.boolean({
      description: 'Whether the bytes of the table sum to 0 modulo 256.',
      resolve: ({ table }) => table.checksumValid,
    }),
    structures: t.field({
      type: [DmarStructure],
      description: 'In table order.',
      resolve: ({ platform, table }) => table.structures.map((structure) => ({ platform, structure })),
    }),
  }),
});

interface ReservedMemoryShape {
  readonly platform: Platform;
  readonly structure: Extract<RemappingStructure, { kind: 'RMRR' }>;
}

export const ReservedMemory = builder.objectRef<ReservedMemoryShape>('ReservedMemory').implement({
  description: 'Firmware-reserved memory with the devices that may reach it.',
  fields: (t) => ({
    segment: t.int({
      description: 'PCI segment of the devices.',
      resolve: ({ structure }) => structure.segment,
    }),
    start: t.field({
      type: 'Address',
      description: 'First byte.',
      resolve: ({ structure }) => structure.base,
    }),
    last: t.field({
      type: 'Address',
      description: 'Last byte, inclusive.',
      resolve: ({ structure }) => structure.last,
    }),
    scopes: t.field({
      type: [DeviceScope],
      description: 'The devices as the table names them.',
      resolve: ({ platform, structure }) => scopesOf(platform, structure),
    }),
    devices: t.field({
      type: [DeviceRef],
      description: 'Those of them that are present.',
      resolve: ({ platform, structure }) =>
        scopesOf(platform, structure)
          .map(scopeDevice)
          .filter((device) => device !== null),
    }),
  }),
});
