import type {
  Attachment,
  Domain,
  DomainType,
  IommuGroup,
  KernelDevice,
  SoftwareSubdevice,
  Subdevice,
} from '../kernel/objects.js';
import { type U64, u64FromPfn } from '../bits/u64.js';
import type { InterruptResult } from '../hardware/interrupts.js';
import type { PageRequestOutcome } from '../hardware/page-requests.js';
import type { RemappingUnit } from '../hardware/unit.js';
import type { VfioContainer } from '../kernel/vfio/objects.js';
import { userRangesFault } from '../kernel/vfio/user-memory.js';
import type { Command, EndpointRef, TargetRef } from './command.js';
import { type DmaOutcome, performDma, requesterOf } from './dma.js';
import { InvalidInputError, NotFoundError } from './errors.js';
import type { Platform } from './platform.js';

/** What each command gives back when it succeeds. */
export interface VerbResults {
  enableFeature: KernelDevice;
  disableFeature: KernelDevice;
  createMdev: Subdevice;
  createSoftwareMdev: SoftwareSubdevice;
  removeSoftwareMdev: string;
  setGroupType: IommuGroup;
  removeMdev: string;
  allocDomain: Domain;
  freeDomain: number;
  attach: { readonly attachments: readonly Attachment[]; readonly warnings: readonly string[] };
  detach: Domain;
  map: {
    readonly domain: Domain;
    readonly pages: readonly { readonly pageSize: number; readonly count: number }[];
  };
  unmap: { readonly domain: Domain; readonly unmapped: U64 };
  dma: DmaOutcome;
  openContainer: VfioContainer;
  /** The number it had. */
  closeContainer: number;
  addGroupToContainer: VfioContainer;
  removeGroupFromContainer: VfioContainer;
  setContainerIommu: VfioContainer;
  vfioMapDma: VfioContainer;
  vfioUnmapDma: { readonly container: VfioContainer; readonly unmapped: U64 };
  bindDriver: KernelDevice;
  unbindDriver: KernelDevice;
  pokeMemory: null;
  writeRegister: null;
  submitDescriptor: null;
  requestPage: PageRequestOutcome;
  signalInterrupt: InterruptResult;
}

type Verb<T extends Command['type']> = (
  platform: Platform,
  command: Extract<Command, { type: T }>,
) => () => VerbResults[T];

/**
 * One verb a command. Calling it looks up the objects the command names, and refuses the ones that do not
 * exist; calling what it returns does the work. The first half runs before the command is logged as well,
 * so that a misspelt id costs no revision.
 */
export const VERBS: { readonly [T in Command['type']]: Verb<T> } = {
  enableFeature: (platform, { device, feature }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.enableFeature(found, feature);
      return found;
    };
  },
  disableFeature: (platform, { device, feature }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.disableFeature(found, feature);
      return found;
    };
  },
  createMdev: (platform, { parent, mdevType, uuid, framework }) => {
    const found = deviceOf(platform, parent);
    return () => platform.kernel.createMdev(found, mdevType, uuid, framework);
  },
  createSoftwareMdev: (platform, { parent, mdevType, uuid }) => {
    const found = platform.kernel.softwareParents.get(parent);
    if (found === undefined) throw new NotFoundError('SoftwareDevice', parent, platform.name);
    return () => platform.kernel.createSoftwareMdev(found, mdevType, uuid);
  },
  removeSoftwareMdev: (platform, { subdevice }) => {
    const found = platform.kernel.softwareSubdevices.get(subdevice);
    if (found === undefined) throw new NotFoundError('SoftwareSubdevice', subdevice, platform.name);
    return () => {
      platform.kernel.removeMdev(found);
      return found.uuid;
    };
  },
  setGroupType: (platform, { group, word }) => {
    const found = groupOf(platform, group);
    return () => {
      platform.kernel.setGroupType(found, word);
      return found;
    };
  },
  removeMdev: (platform, { subdevice }) => {
    const found = subdeviceOf(platform, subdevice);
    return () => {
      platform.kernel.removeMdev(found);
      return found.uuid;
    };
  },
  allocDomain: (platform, { bus, domainType }) => {
    if (!platform.kernel.buses.has(bus)) throw new NotFoundError('Bus', bus, platform.name);
    return () => platform.kernel.allocDomain(bus, domainType as DomainType);
  },
  freeDomain: (platform, { domain }) => {
    const found = domainOf(platform, domain);
    return () => {
      platform.kernel.freeDomain(found);
      return found.number;
    };
  },
  attach: (platform, { domain, target }) => {
    const found = domainOf(platform, domain);
    const to = targetOf(platform, target);
    return () => platform.kernel.attach(found, to);
  },
  detach: (platform, { domain, target }) => {
    const found = domainOf(platform, domain);
    const from = targetOf(platform, target);
    return () => {
      platform.kernel.detach(found, from);
      return found;
    };
  },
  map: (platform, command) => {
    const domain = domainOf(platform, command.domain);
    return () => ({ domain, pages: platform.kernel.map(domain, command) });
  },
  unmap: (platform, command) => {
    const domain = domainOf(platform, command.domain);
    return () => ({ domain, unmapped: platform.kernel.unmap(domain, command) });
  },
  dma: (platform, command) => {
    const endpoint = endpointOf(platform, command.endpoint);
    requireModelledUnit(endpoint);
    return () => performDma(platform, endpoint, command);
  },
  openContainer: (platform, { userMemory }) => {
    const fault = userRangesFault(userMemory ?? []);
    if (fault !== null) throw new InvalidInputError(['input', 'userMemory'], `User memory: ${fault}.`);
    return () => platform.kernel.openContainer(userMemory);
  },
  closeContainer: (platform, { container }) => {
    const found = containerOf(platform, container);
    return () => {
      platform.kernel.closeContainer(found);
      return found.number;
    };
  },
  addGroupToContainer: (platform, { container, group }) => {
    const found = containerOf(platform, container);
    const added = groupOf(platform, group);
    return () => {
      platform.kernel.addGroupToContainer(found, added);
      return found;
    };
  },
  removeGroupFromContainer: (platform, { container, group }) => {
    const found = containerOf(platform, container);
    const removed = groupOf(platform, group);
    return () => {
      platform.kernel.removeGroupFromContainer(found, removed);
      return found;
    };
  },
  setContainerIommu: (platform, { container, iommuType }) => {
    const found = containerOf(platform, container);
    return () => {
      platform.kernel.setContainerIommu(found, iommuType);
      return found;
    };
  },
  vfioMapDma: (platform, command) => {
    const found = containerOf(platform, command.container);
    return () => {
      platform.kernel.vfioMapDma(found, command);
      return found;
    };
  },
  vfioUnmapDma: (platform, command) => {
    const container = containerOf(platform, command.container);
    return () => {
      const pages = platform.kernel.vfioUnmapDma(container, command);
      return { container, unmapped: u64FromPfn(pages) };
    };
  },
  bindDriver: (platform, { device, driver }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.bindDriver(found, driver);
      return found;
    };
  },
  unbindDriver: (platform, { device }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.unbindDriver(found);
      return found;
    };
  },
  pokeMemory: (platform, { address, words }) => {
    const { memory } = platform.machine;
    const lastFrame = Math.floor((address + words.length * 8 - 1) / 4096);
    if (!memory.isReadable(lastFrame)) {
      throw new InvalidInputError(
        ['input', 'address'],
        `Host memory ends at 0x${memory.limit.toString(16)}.`,
      );
    }
    return () => {
      words.forEach((word, index) => memory.store64(address + index * 8, word));
      return null;
    };
  },
  writeRegister: (platform, { unit, register, value }) => {
    const hardware = hardwareUnitOf(platform, unit);
    const found = hardware.registers().find(({ name }) => name === register);
    if (found === undefined) {
      throw new InvalidInputError(['input', 'register'], `${unit} has no register "${register}".`);
    }
    if (found.bytes === 4 && value.hi !== 0) {
      throw new InvalidInputError(['input', 'value'], `${register} has 32 bits.`);
    }
    return () => {
      hardware.writeRegister(found.offset, found.bytes, value);
      return null;
    };
  },
  submitDescriptor: (platform, { unit, words }) => {
    const hardware = hardwareUnitOf(platform, unit);
    const driver = platform.kernel.units.find(({ name }) => name === unit)!;
    const { descriptorBytes, isEnabled } = hardware.queueState();
    if (!isEnabled || driver.ring === null)
      throw new InvalidInputError(['input', 'unit'], `The invalidation queue of ${unit} is not enabled.`);
    if (words.length * 8 !== descriptorBytes) {
      throw new InvalidInputError(
        ['input', 'words'],
        `The queue of ${unit} takes descriptors of ${descriptorBytes / 8} words, not ${words.length}.`,
      );
    }
    return () => {
      platform.kernel.submitDescriptor(driver, words);
      return null;
    };
  },
  requestPage: (platform, command) => {
    const endpoint = endpointOf(platform, command.endpoint);
    requireModelledUnit(endpoint);
    const { device, pasid } = requesterOf(endpoint, command.pasid);
    const unit = platform.machine.unitFor(device.fn);
    if (unit === null) throw new InvalidInputError(['input', 'endpoint'], `No unit serves ${device.name}.`);
    const sourceId = platform.machine.requesterId(device.fn);
    return () => unit.pageRequest({ ...command, sourceId, pasid });
  },
  signalInterrupt: (platform, { device, address, data }) => {
    const found = deviceOf(platform, device);
    const unit = platform.machine.unitFor(found.fn);
    if (unit === null) throw new InvalidInputError(['input', 'device'], `No unit serves ${device}.`);
    return () => unit.interruptRequest(platform.machine.requesterId(found.fn), address, data);
  },
};

/** Looks up what a command names and returns the work, not yet done. */
export function prepare(platform: Platform, command: Command): () => VerbResults[Command['type']] {
  const verb = VERBS[command.type] as (
    platform: Platform,
    command: Command,
  ) => () => VerbResults[Command['type']];
  return verb(platform, command);
}

function hardwareUnitOf(platform: Platform, name: string): RemappingUnit {
  const unit = platform.machine.units.find((candidate) => candidate.name === name);
  if (unit === undefined) throw new NotFoundError('IommuUnit', name, platform.name);
  return unit;
}

function deviceOf(platform: Platform, name: string): KernelDevice {
  const device = platform.kernel.devices.get(name);
  if (device === undefined) throw new NotFoundError('Device', name, platform.name);
  return device;
}

function subdeviceOf(platform: Platform, uuid: string): Subdevice {
  const subdevice = platform.kernel.subdevices.get(uuid);
  if (subdevice === undefined) throw new NotFoundError('Subdevice', uuid, platform.name);
  return subdevice;
}

function domainOf(platform: Platform, number: number): Domain {
  const domain = platform.kernel.domains.get(number);
  if (domain === undefined) throw new NotFoundError('Domain', String(number), platform.name);
  return domain;
}

function endpointOf(platform: Platform, ref: EndpointRef): KernelDevice | Subdevice {
  return ref.kind === 'Device' ? deviceOf(platform, ref.name) : subdeviceOf(platform, ref.name);
}

/** Requests that pass another vendor's unit would come out as that unit likes, which is not known here. */
function requireModelledUnit(endpoint: KernelDevice | Subdevice): void {
  const device = endpoint.kind === 'Device' ? endpoint : endpoint.parent;
  if (device.vendor === 'intel') return;
  throw new InvalidInputError(
    ['input', 'endpoint'],
    `Requests of ${device.name} pass a unit of ${device.vendor}, whose translation is not modelled.`,
  );
}

function targetOf(platform: Platform, ref: TargetRef): KernelDevice | Subdevice | IommuGroup {
  return ref.kind === 'Group' ? groupOf(platform, ref.number) : endpointOf(platform, ref);
}

function groupOf(platform: Platform, number: number): IommuGroup {
  const group = platform.kernel.groups.get(number);
  if (group === undefined) throw new NotFoundError('Group', String(number), platform.name);
  return group;
}

function containerOf(platform: Platform, number: number): VfioContainer {
  const container = platform.kernel.containers.get(number);
  if (container === undefined) throw new NotFoundError('VfioContainer', String(number), platform.name);
  return container;
}
