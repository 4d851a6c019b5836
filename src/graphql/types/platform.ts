import type { KernelLogged } from '../../kernel/events.js';
import { findingsOf } from '../../platform/findings/index.js';
import { compareGroups } from '../../platform/reported-groups.js';
import { builder } from '../builder.js';
import { type Page, connectionType, pageArgs } from '../connection.js';
import { DomainTypeEnum, PlatformOriginEnum } from '../enums.js';
import { EventFilterInput, filterOf } from '../event-inputs.js';
import { eventPage } from '../event-page.js';
import { filterKey, filterNumber } from '../ids.js';
import { Event, Node } from '../interfaces.js';
import {
  DeviceConnection,
  DomainConnection,
  GroupConnection,
  SubdeviceConnection,
  devicePage,
  domainPage,
  groupPage,
  subdevicePage,
} from '../lists.js';
import { DeviceRef, GroupRef, IommuUnitRef, PlatformRef, SubdeviceRef, VfioContainerRef } from '../refs.js';
import {
  type EventView,
  PlatformView,
  containerView,
  deviceView,
  groupView,
  platformView,
  subdeviceView,
  unitView,
} from '../views.js';
import { formatPciAddress } from '../../bits/pci-address.js';
import { DmarTable, ReservedMemory } from './dmar.js';
import { Finding } from './finding.js';
import { GroupComparison } from './group-comparison.js';
import { Bus, KernelRef } from './kernel.js';

const DeviceFilter = builder.inputType('DeviceFilter', {
  description: 'Which devices to give; every field given must hold.',
  fields: (t) => ({
    classCode: t.int({ description: 'Only this 24-bit class code.' }),
    vendorId: t.int({ description: 'Only this vendor.' }),
    driver: t.string({ description: 'Only devices bound to this driver.' }),
    hasMdevTypes: t.boolean({ description: 'Only devices that can, or cannot, create subdevices.' }),
    iommuUnit: t.id({ description: 'Only devices this unit serves.' }),
    group: t.id({ description: 'Only members of this group.' }),
  }),
});

const SubdeviceFilter = builder.inputType('SubdeviceFilter', {
  description: 'Which subdevices to give; every field given must hold.',
  fields: (t) => ({
    parent: t.id({ description: 'Only subdevices of this device.' }),
    type: t.string({ description: 'Only subdevices of this type id.' }),
    attached: t.boolean({ description: 'Only those that have, or do not have, a domain.' }),
  }),
});

const EventConnection = connectionType<EventView>('Event', Event as never, {
  totalCount: false,
  isLong: true,
});

const KernelLogLine = builder
  .objectRef<{ readonly sequence: number; readonly text: string }>('KernelLogLine')
  .implement({
    description: 'A line of the kernel log.',
    fields: (t) => ({
      sequence: t.expose('sequence', {
        type: 'SequenceNumber',
        description: 'Number of the event that carries it.',
      }),
      text: t.exposeString('text', { description: 'The line, without time stamp and level.' }),
    }),
  });
const KernelLogConnection = connectionType('KernelLog', KernelLogLine, { totalCount: false });

function logLines({ edges, ...page }: Page<EventView>) {
  const lines = edges.map(({ cursor, node: { it } }) => ({
    cursor,
    node: { sequence: it.sequence, text: (it.event as KernelLogged).text },
  }));
  return { ...page, edges: lines };
}

PlatformRef.implement({
  description:
    'One machine: firmware tables, remapping units, PCI functions, and the kernel that runs them. Its whole state is a deterministic function of the commands applied to it.',
  interfaces: [Node],
  isTypeOf: (value) => value instanceof PlatformView,
  fields: (t) => ({
    name: t.string({ description: 'Unique on this server.', resolve: ({ it }) => it.name }),
    origin: t.field({
      type: PlatformOriginEnum,
      description: 'Where it came from.',
      resolve: ({ it }) => it.header.origin,
    }),
    revision: t.field({
      type: 'SequenceNumber',
      description: 'Number of commands applied so far.',
      resolve: ({ it }) => it.revision,
    }),
    lastSequence: t.field({
      type: 'SequenceNumber',
      description: 'Sequence number of the newest event; 0 before the first.',
      resolve: ({ it }) => it.events.last,
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was created.',
      resolve: ({ it }) => it.header.createdAt,
    }),
    kernel: t.field({ type: KernelRef, description: 'The kernel it runs.', resolve: ({ it }) => it }),
    buses: t.field({
      type: [Bus],
      description: 'Bus types known to the IOMMU core.',
      resolve: ({ it }) => [...it.kernel.buses.values()],
    }),
    iommuUnits: t.field({
      type: [IommuUnitRef],
      description: 'Its remapping units, in the order the kernel numbers them.',
      resolve: ({ it }) => it.kernel.units.map((unit) => unitView(it, unit)),
    }),
    iommuUnit: t.field({
      type: IommuUnitRef,
      nullable: true,
      description: 'The unit with this name; null when there is none.',
      args: { name: t.arg.string({ required: true, description: 'dmar0, dmar1, ...' }) },
      resolve: ({ it }, { name }) => {
        const unit = it.kernel.units.find((candidate) => candidate.name === name);
        return unit === undefined ? null : unitView(it, unit);
      },
    }),
    devices: t.field({
      type: DeviceConnection,
      description: 'PCI functions by address. Without a size: all of them.',
      args: { ...pageArgs, filter: t.arg({ type: DeviceFilter, description: 'Which ones.' }) },
      resolve: ({ it }, { filter, ...args }) => {
        const unit =
          filter?.iommuUnit == null
            ? null
            : filterKey(filter.iommuUnit, 'filter.iommuUnit', 'IommuUnit', it.name);
        const group =
          filter?.group == null ? null : filterNumber(filter.group, 'filter.group', 'Group', it.name);
        return devicePage(
          it,
          args,
          (device) =>
            (filter?.classCode == null || device.fn.classCode === filter.classCode) &&
            (filter?.vendorId == null || device.fn.vendorId === filter.vendorId) &&
            (filter?.driver == null || device.driver === filter.driver) &&
            (filter?.hasMdevTypes == null ||
              it.kernel.mdevTypes(device).length > 0 === filter.hasMdevTypes) &&
            (unit === null || device.unit?.name === unit) &&
            (group === null || device.group?.number === group),
        );
      },
    }),
    device: t.field({
      type: DeviceRef,
      nullable: true,
      description: 'The function at this address; null when there is none.',
      args: { address: t.arg({ type: 'PciAddress', required: true, description: 'Where it is.' }) },
      resolve: ({ it }, { address }) => {
        const device = it.kernel.devices.get(formatPciAddress(address));
        return device === undefined ? null : deviceView(it, device);
      },
    }),
    subdevices: t.field({
      type: SubdeviceConnection,
      description: 'Subdevices by UUID. Without a size: all of them.',
      args: { ...pageArgs, filter: t.arg({ type: SubdeviceFilter, description: 'Which ones.' }) },
      resolve: ({ it }, { filter, ...args }) => {
        const parent =
          filter?.parent == null ? null : filterKey(filter.parent, 'filter.parent', 'Device', it.name);
        return subdevicePage(
          it,
          args,
          (one) =>
            (parent === null || one.parent.name === parent) &&
            (filter?.type == null || one.typeName === filter.type) &&
            (filter?.attached == null || (one.domain !== null) === filter.attached),
        );
      },
    }),
    subdevice: t.field({
      type: SubdeviceRef,
      nullable: true,
      description: 'The subdevice with this UUID; null when there is none.',
      args: { uuid: t.arg({ type: 'UUID', required: true, description: 'Its name on the mdev bus.' }) },
      resolve: ({ it }, { uuid }) => {
        const one = it.kernel.subdevices.get(uuid);
        return one === undefined ? null : subdeviceView(it, one);
      },
    }),
    groups: t.field({
      type: GroupConnection,
      description: 'Isolation groups by number. Without a size: all of them.',
      args: pageArgs,
      resolve: ({ it }, args) => groupPage(it, args),
    }),
    group: t.field({
      type: GroupRef,
      nullable: true,
      description: 'The group with this number; null when there is none.',
      args: { number: t.arg.int({ required: true, description: 'As in /sys/kernel/iommu_groups.' }) },
      resolve: ({ it }, { number }) => {
        const group = it.kernel.groups.get(number);
        return group === undefined ? null : groupView(it, group);
      },
    }),
    domains: t.field({
      type: DomainConnection,
      description: 'I/O address spaces in order of allocation. Without a size: all of them.',
      args: { ...pageArgs, type: t.arg({ type: DomainTypeEnum, description: 'Only this type.' }) },
      resolve: ({ it }, { type, ...args }) =>
        domainPage(it, args, (domain) => type == null || domain.type === type),
    }),
    containers: t.field({
      type: [VfioContainerRef],
      description: 'Open VFIO containers, oldest first.',
      resolve: ({ it }) => [...it.kernel.vfio.containers.values()].map((one) => containerView(it, one)),
    }),
    dmar: t.field({
      type: DmarTable,
      nullable: true,
      description: 'The ACPI DMAR table this platform booted with; null when it had none.',
      resolve: ({ it }) => {
        const table = it.header.description.dmar;
        return table === null ? null : { platform: it, table };
      },
    }),
    reservedMemory: t.field({
      type: [ReservedMemory],
      description: 'Memory the firmware reserves for devices (RMRR).',
      resolve: ({ it }) =>
        (it.header.description.dmar?.structures ?? [])
          .filter((structure) => structure.kind === 'RMRR')
          .map((structure) => ({ platform: it, structure })),
    }),
    findings: t.field({
      type: [Finding],
      description:
        'What people trip over on this machine as it is now, the gravest first: hazards of subdevices, leaks, firmware bugs, devices that cannot be given away, modes that are off, hardware that waits for someone.',
      resolve: ({ it }) =>
        findingsOf({
          kernel: it.kernel,
          machine: it.machine,
          dmar: it.header.description.dmar,
          refusedSubdevices: it.refusedSubdevices,
        }).map((finding) => ({ platform: it, it: finding })),
    }),
    reportedGroups: t.field({
      type: [GroupComparison],
      description:
        "Groups the machine's own kernel reported, against the computed ones, device by device. Empty for machines whose import had no group listing.",
      args: {
        differing: t.arg.boolean({
          defaultValue: false,
          description: 'Only devices on which the two do not agree.',
        }),
      },
      resolve: ({ it }, { differing }) =>
        compareGroups(it)
          .filter(({ agrees }) => !differing || !agrees)
          .map((comparison) => ({ platform: it, it: comparison })),
    }),
    events: t.field({
      type: EventConnection,
      description: 'Retained events, oldest first. At most 10000 at a time; 1000 without a size.',
      args: { ...pageArgs, filter: t.arg({ type: EventFilterInput, description: 'Which ones.' }) },
      resolve: ({ it }, { filter, ...args }, { host }) =>
        eventPage(host, it, args, filterOf(it.name, filter)),
    }),
    kernelLog: t.field({
      type: KernelLogConnection,
      description:
        "The kernel's log, in the exact text of the chosen kernel profile. At most 10000 lines at a time; 1000 without a size.",
      args: pageArgs,
      resolve: ({ it }, args, { host }) => {
        const page = eventPage(host, it, args, { kinds: ['KERNEL_LOG'] });
        return page instanceof Promise ? page.then(logLines) : logLines(page);
      },
    }),
    at: t.field({
      type: PlatformRef,
      nullable: true,
      description:
        'This platform as it stood right after the given revision, 0 being right after boot; null when that revision lies ahead. Everything in it keeps its id.',
      args: {
        revision: t.arg({
          type: 'SequenceNumber',
          required: true,
          description: 'Which command was the last.',
        }),
      },
      resolve: async ({ it }, { revision }, { host }) => {
        const then = await host.at(it, revision);
        return then === null ? null : platformView(then, then);
      },
    }),
  }),
});
