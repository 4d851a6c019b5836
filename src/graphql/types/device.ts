import { classCodeName } from '../../layout/pci/class-codes.js';
import { acsNames } from '../../layout/pci/acs.js';
import { builder } from '../builder.js';
import { pageArgs } from '../connection.js';
import { DeviceFeatureEnum } from '../enums.js';
import { Endpoint, Node } from '../interfaces.js';
import { DeviceRef, DomainRef } from '../refs.js';
import { DeviceView, deviceView, domainView } from '../views.js';
import { SubdeviceConnection, subdevicePage } from '../lists.js';
import { contextEntry, pasidEntries, usesScalableTables } from '../../platform/tables.js';
import { DeviceInterrupt } from './interrupt.js';
import { MdevType } from './mdev-type.js';
import { ProcessBond } from './process-bond.js';
import { Attachment } from './node-fields.js';
import { type EntryShape, TableEntry } from './walk.js';

const DeviceCapabilities = builder.objectRef<DeviceView>('DeviceCapabilities').implement({
  description: 'What configuration space advertises.',
  fields: (t) => ({
    pcie: t.boolean({ description: 'Has a PCI Express capability.', resolve: ({ it }) => it.fn.isPcie }),
    acs: t.stringList({
      description:
        'Access Control Services implemented, as lspci names them: SrcValid, TransBlk, ReqRedir, CmpltRedir, UpstreamFwd, EgressCtrl, DirectTrans.',
      resolve: ({ it }) => (it.fn.acs === null ? [] : acsNames(it.fn.acs.capability)),
    }),
    ats: t.boolean({
      description: 'Can hold translations itself (ATS).',
      resolve: ({ it }) => it.fn.ats !== null,
    }),
    pri: t.boolean({ description: 'Can ask for pages (PRI).', resolve: ({ it }) => it.fn.pri !== null }),
    pasid: t.boolean({
      description: 'Can tag requests with a PASID.',
      resolve: ({ it }) => it.fn.pasid !== null,
    }),
    maxPasids: t.int({
      nullable: true,
      description: 'Number of PASIDs its capability allows; null without the capability.',
      resolve: ({ it }) => (it.fn.pasid === null ? null : 2 ** it.fn.pasid.maxWidth),
    }),
    sriov: t.boolean({
      description: 'Can make virtual functions (SR-IOV).',
      resolve: ({ it }) => it.fn.sriov !== null,
    }),
    totalVfs: t.int({
      description: 'Virtual functions it can show; 0 without SR-IOV.',
      resolve: ({ it }) => it.fn.sriov?.totalVfs ?? 0,
    }),
    scalableIov: t.boolean({
      description: 'The Scalable IOV capability (DVSEC of vendor 8086, id 5).',
      resolve: ({ it }) => it.fn.scalableIov !== null,
    }),
  }),
});

interface FeatureShape {
  readonly feature: 'AUX' | 'SVA' | 'IOPF';
  readonly supported: boolean;
  readonly enabled: boolean;
  readonly reason: string | null;
}

const DeviceFeatureState = builder.objectRef<FeatureShape>('DeviceFeatureState').implement({
  description: 'A feature of a device and whether its driver has it on.',
  fields: (t) => ({
    feature: t.expose('feature', { type: DeviceFeatureEnum, description: 'Which feature.' }),
    supported: t.exposeBoolean('supported', { description: 'What iommu_dev_has_feature answers.' }),
    enabled: t.exposeBoolean('enabled', { description: 'What iommu_dev_feature_enabled answers.' }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'Why it is not supported; null when it is.',
    }),
  }),
});

const PasidEntry = builder
  .objectRef<{ readonly view: DeviceView; readonly pasid: number; readonly entry: EntryShape }>('PasidEntry')
  .implement({
    description: 'A present entry of a PASID table.',
    fields: (t) => ({
      pasid: t.exposeInt('pasid', { description: '0 to 2^20-1; 0 is used for requests without a PASID.' }),
      domain: t.field({
        type: DomainRef,
        nullable: true,
        description: 'The domain the kernel attached there; null when the entry is not of its making.',
        resolve: ({ view, pasid }) => {
          const attachment = view.it.attachments.find((one) => (one.pasid ?? 0) === pasid);
          return attachment === undefined ? null : domainView(view.platform, attachment.domain);
        },
      }),
      entry: t.expose('entry', { type: TableEntry, description: 'The eight words.' }),
    }),
  });

DeviceRef.implement({
  description: 'A PCI function.',
  interfaces: [Node, Endpoint],
  isTypeOf: (value) => value instanceof DeviceView,
  fields: (t) => ({
    address: t.field({ type: 'PciAddress', description: 'Where it is.', resolve: ({ it }) => it.address }),
    vendorId: t.int({ description: 'PCI vendor id.', resolve: ({ it }) => it.fn.vendorId }),
    deviceId: t.int({ description: 'PCI device id.', resolve: ({ it }) => it.fn.deviceId }),
    classCode: t.int({
      description: 'Base class, subclass and interface as one 24-bit number.',
      resolve: ({ it }) => it.fn.classCode,
    }),
    vendorName: t.string({
      nullable: true,
      description: 'Name of the vendor; null when the source of the platform did not give one.',
      resolve: ({ platform, it }) => platform.descriptions.get(it.name)?.vendorName ?? null,
    }),
    deviceName: t.string({
      nullable: true,
      description: 'Name of the device; null when the source of the platform did not give one.',
      resolve: ({ platform, it }) => platform.descriptions.get(it.name)?.deviceName ?? null,
    }),
    className: t.string({
      nullable: true,
      description: 'Name of the class.',
      resolve: ({ platform, it }) =>
        platform.descriptions.get(it.name)?.className ?? classCodeName(it.fn.classCode),
    }),
    driver: t.string({ nullable: true, description: 'The bound driver.', resolve: ({ it }) => it.driver }),
    upstream: t.field({
      type: DeviceRef,
      nullable: true,
      description: 'The bridge above it; null on a root bus.',
      resolve: ({ platform, it }) => {
        const bridge = platform.machine.topology.upstreamBridge(it.fn);
        const device = bridge === null ? undefined : platform.kernel.devices.get(bridge.name);
        return device === undefined ? null : deviceView(platform, device);
      },
    }),
    physicalFunction: t.field({
      type: DeviceRef,
      nullable: true,
      description: 'The physical function of a virtual one; null for every other function.',
      resolve: ({ platform, it }) => {
        const device = platform.kernel.devices.get(it.fn.physicalFunction?.name ?? '');
        return device === undefined ? null : deviceView(platform, device);
      },
    }),
    virtualFunctions: t.field({
      type: [DeviceRef],
      description: 'Virtual functions that are switched on, first one first.',
      resolve: ({ platform, it }) =>
        platform.machine.topology
          .virtualFunctionsOf(it.fn)
          .flatMap(({ name }) => platform.kernel.devices.get(name) ?? [])
          .map((device) => deviceView(platform, device)),
    }),
    pasidAttachments: t.field({
      type: [Attachment],
      description: 'Domains attached beside the primary one, each under its own PASID.',
      resolve: ({ platform, it }) =>
        it.attachments.filter((one) => one.kind !== 'PRIMARY').map((one) => ({ platform, it: one })),
    }),
    capabilities: t.field({
      type: DeviceCapabilities,
      description: 'What configuration space advertises.',
      resolve: (view) => view,
    }),
    features: t.field({
      type: [DeviceFeatureState],
      description: 'Features a driver can turn on, and whether it has.',
      resolve: ({ platform, it }) => platform.kernel.featureState(it),
    }),
    mdevTypes: t.field({
      type: [MdevType],
      description: 'Kinds of subdevice its driver offers.',
      resolve: ({ platform, it }) => platform.kernel.mdevTypes(it).map((type) => ({ platform, it: type })),
    }),
    subdevices: t.field({
      type: SubdeviceConnection,
      description: 'Its subdevices, by UUID.',
      args: pageArgs,
      resolve: ({ platform, it }, args) => subdevicePage(platform, args, (one) => one.parent === it),
    }),
    processes: t.field({
      type: [ProcessBond],
      description: 'Processes whose address spaces it shares, oldest first.',
      resolve: ({ platform, it }) =>
        platform.kernel.processesOf(it).map((mm) => ({ mm, users: mm.bonds.get(it) ?? 0 })),
    }),
    interrupts: t.field({
      type: [DeviceInterrupt],
      description:
        'Message-signalled interrupts its driver has, in order; none for a driver that was bound without any.',
      args: { first: t.arg.int({ defaultValue: 100, description: 'Give at most this many.' }) },
      resolve: ({ platform, it }, { first }) =>
        it.interrupts.slice(0, Math.max(0, first ?? 100)).map((one) => ({ platform, it: one })),
    }),
    contextEntry: t.field({
      type: TableEntry,
      nullable: true,
      description:
        'The raw context entry that serves this device, as stored in memory; null when no unit or no context table covers it.',
      resolve: ({ platform, it }) => {
        const step = contextEntry(platform, it);
        const scalable = usesScalableTables(platform, it);
        return step === null ? null : { ...step, address: step.entryAddress, scalable };
      },
    }),
    pasidTable: t.field({
      type: [PasidEntry],
      description: 'Present PASID table entries of this device, in PASID order.',
      args: {
        first: t.arg.int({ defaultValue: 100, description: 'Give at most this many.' }),
      },
      resolve: (view, { first }) =>
        pasidEntries(view.platform, view.it, first ?? 100).map(({ pasid, address, words }) => ({
          view,
          pasid,
          entry: { level: 'PASID' as const, scalable: true, address, words, present: true },
        })),
    }),
  }),
});
