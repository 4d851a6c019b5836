import type { Command } from '../../platform/command.js';
import { builder } from '../builder.js';
import type { RequestInput } from './asked.js';
import {
  BindDriverInput,
  CreateMdevInput,
  FeatureInput,
  RemoveMdevInput,
  UnbindDriverInput,
  askBindDriver,
  askCreateMdev,
  askDisableFeature,
  askEnableFeature,
  askRemoveMdev,
  askUnbindDriver,
} from './device.js';
import { SvaBindInput, SvaUnbindInput, askSvaBind, askSvaUnbind } from './sva.js';
import { DmaInput, askDma } from './dma.js';
import {
  AllocDomainInput,
  AttachInput,
  DetachInput,
  FreeDomainInput,
  MapInput,
  UnmapInput,
  askAllocDomain,
  askAttach,
  askDetach,
  askFreeDomain,
  askMap,
  askUnmap,
} from './domain.js';
import {
  CreateSoftwareMdevInput,
  RemoveSoftwareMdevInput,
  SetGroupTypeInput,
  askCreateSoftwareMdev,
  askRemoveSoftwareMdev,
  askSetGroupType,
} from './software-device.js';
import {
  ContainerGroupInput,
  OpenContainerInput,
  SetContainerIommuInput,
  VfioDeviceInput,
  VfioDirtyPagesInput,
  VfioMapDmaInput,
  VfioUnmapDmaInput,
  askAddGroup,
  askCloseVfioDevice,
  askOpenContainer,
  askOpenVfioDevice,
  askRemoveGroup,
  askSetContainerIommu,
  askVfioDirtyPages,
  askVfioMapDma,
  askVfioUnmapDma,
} from './vfio.js';
import {
  HotplugDeviceInput,
  RemoveDeviceInput,
  RescanBusInput,
  SetNumVfsInput,
  askHotplugDevice,
  askRemoveDevice,
  askRescanBus,
  askSetNumVfs,
} from './slot.js';

export const CommandInput = builder.inputType('CommandInput', {
  description: 'Exactly one command. Each is the input of the mutation of the same name.',
  isOneOf: true,
  fields: (t) => ({
    enableFeature: t.field({ type: FeatureInput, description: 'Turns a feature of a device on.' }),
    disableFeature: t.field({ type: FeatureInput, description: 'Turns a feature of a device off.' }),
    createMdev: t.field({ type: CreateMdevInput, description: 'Creates a subdevice.' }),
    removeMdev: t.field({ type: RemoveMdevInput, description: 'Removes a subdevice.' }),
    allocDomain: t.field({ type: AllocDomainInput, description: 'Allocates a domain.' }),
    freeDomain: t.field({ type: FreeDomainInput, description: 'Frees a domain.' }),
    attach: t.field({ type: AttachInput, description: 'Attaches a domain.' }),
    detach: t.field({ type: DetachInput, description: 'Detaches a domain.' }),
    map: t.field({ type: MapInput, description: 'Maps a range of a domain.' }),
    unmap: t.field({ type: UnmapInput, description: 'Unmaps a range of a domain.' }),
    dma: t.field({ type: DmaInput, description: 'Lets an endpoint issue a request.' }),
    bindDriver: t.field({ type: BindDriverInput, description: 'Binds a driver to a device.' }),
    svaBind: t.field({
      type: SvaBindInput,
      description: 'Shares the address space of a process with a device.',
    }),
    svaUnbind: t.field({ type: SvaUnbindInput, description: 'Ends that.' }),
    unbindDriver: t.field({ type: UnbindDriverInput, description: 'Takes the driver off a device.' }),
    createSoftwareMdev: t.field({
      type: CreateSoftwareMdevInput,
      description: 'Creates a subdevice of a parent without hardware.',
    }),
    removeSoftwareMdev: t.field({ type: RemoveSoftwareMdevInput, description: 'Removes such a subdevice.' }),
    setGroupType: t.field({ type: SetGroupTypeInput, description: 'Changes the type of a group.' }),
    openContainer: t.field({ type: OpenContainerInput, description: 'Opens a VFIO container.' }),
    addGroupToContainer: t.field({
      type: ContainerGroupInput,
      description: 'Puts a group into a container.',
    }),
    removeGroupFromContainer: t.field({
      type: ContainerGroupInput,
      description: 'Takes a group out of its container.',
    }),
    setContainerIommu: t.field({
      type: SetContainerIommuInput,
      description: 'Gives a container its IOMMU type.',
    }),
    hotplugDevice: t.field({ type: HotplugDeviceInput, description: 'Puts a card into a slot.' }),
    rescanBus: t.field({ type: RescanBusInput, description: 'Looks for unknown functions.' }),
    removeDevice: t.field({ type: RemoveDeviceInput, description: 'Removes a device.' }),
    setNumVfs: t.field({ type: SetNumVfsInput, description: 'Switches virtual functions on or off.' }),
    openVfioDevice: t.field({ type: VfioDeviceInput, description: 'Opens a device of a group.' }),
    closeVfioDevice: t.field({ type: VfioDeviceInput, description: 'Closes it.' }),
    vfioMapDma: t.field({ type: VfioMapDmaInput, description: 'Maps memory of a process.' }),
    vfioUnmapDma: t.field({ type: VfioUnmapDmaInput, description: 'Removes such mappings.' }),
    vfioDirtyPages: t.field({
      type: VfioDirtyPagesInput,
      description: 'Records, or reads, which pages may have been written.',
    }),
  }),
});

export type CommandChoice = typeof CommandInput.$inferInput;
type CommandName = CommandChoice extends infer C ? (C extends object ? keyof C : never) : never;

/** What any input asks. */
export interface AnyAsked {
  readonly platform: string;
  readonly command: Command;
}

const ASK: Readonly<Record<CommandName, (input: never) => AnyAsked>> = {
  enableFeature: askEnableFeature,
  disableFeature: askDisableFeature,
  createMdev: askCreateMdev,
  removeMdev: askRemoveMdev,
  allocDomain: askAllocDomain,
  freeDomain: askFreeDomain,
  attach: askAttach,
  detach: askDetach,
  map: askMap,
  unmap: askUnmap,
  dma: askDma,
  bindDriver: askBindDriver,
  unbindDriver: askUnbindDriver,
  svaBind: askSvaBind,
  svaUnbind: askSvaUnbind,
  createSoftwareMdev: askCreateSoftwareMdev,
  removeSoftwareMdev: askRemoveSoftwareMdev,
  setGroupType: askSetGroupType,
  openContainer: askOpenContainer,
  addGroupToContainer: askAddGroup,
  removeGroupFromContainer: askRemoveGroup,
  setContainerIommu: askSetContainerIommu,
  hotplugDevice: askHotplugDevice,
  rescanBus: askRescanBus,
  removeDevice: askRemoveDevice,
  setNumVfs: askSetNumVfs,
  openVfioDevice: askOpenVfioDevice,
  closeVfioDevice: askCloseVfioDevice,
  vfioMapDma: askVfioMapDma,
  vfioUnmapDma: askVfioUnmapDma,
  vfioDirtyPages: askVfioDirtyPages,
};

/** The one command that is given, and how to read it. Reading refuses as the mutation would. */
export function chosen(choice: CommandChoice): {
  readonly name: string;
  readonly terms: RequestInput;
  readonly ask: () => AnyAsked;
} {
  const [name, input] = Object.entries(choice).find(([, value]) => value != null)!;
  return { name, terms: input as RequestInput, ask: () => ASK[name as CommandName](input as never) };
}
