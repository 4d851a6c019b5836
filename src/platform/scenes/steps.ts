import { type U64, parseHex, u64, u64FromNumber } from '../../bits/u64.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { IommuGroup } from '../../kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { DmaCommand, MapCommand } from '../command.js';
import type { Platform } from '../platform.js';
import type { Step } from './scene.js';

/* Steps several scenes take. Devices are named by their address, numbers are hexadecimal text. */

export function address(hex: string): U64 {
  const value = parseHex(hex);
  if (value === null) throw new RangeError(`"${hex}" is no hexadecimal number`);
  return value;
}

export function deviceOf({ kernel }: Platform, name: string): KernelDevice {
  const device = kernel.devices.get(name);
  if (device === undefined) throw new RangeError(`a scene names ${name}, which its machine does not have`);
  return device;
}

export function groupOf(platform: Platform, device: string): IommuGroup {
  return deviceOf(platform, device).group!;
}

export function domainOf(platform: Platform, device: string): Domain {
  return deviceOf(platform, device).primaryDomain!;
}

/** The newest domain there is. */
export function newestDomain({ kernel }: Platform): Domain {
  return [...kernel.domains.values()].at(-1)!;
}

/** Number of the newest container. */
export function newestContainer({ kernel }: Platform): number {
  return [...kernel.vfio.containers.keys()].at(-1)!;
}

interface Range {
  readonly iova: string;
  readonly physical: string;
  readonly bytes: number;
  readonly access: 'READ' | 'WRITE' | 'BOTH';
}

/** A driver maps a buffer for its device. */
export function map(says: string, device: string, { iova, physical, bytes, access }: Range): Step {
  return {
    says,
    command: (platform): MapCommand => ({
      type: 'map',
      domain: domainOf(platform, device).number,
      iova: address(iova),
      physical: address(physical),
      size: u64FromNumber(bytes),
      read: access !== 'WRITE',
      write: access !== 'READ',
    }),
  };
}

/** A driver unmaps a buffer of its device. */
export function unmap(says: string, device: string, iova: string, bytes: number): Step {
  return {
    says,
    command: (platform) => ({
      type: 'unmap',
      domain: domainOf(platform, device).number,
      iova: address(iova),
      size: u64FromNumber(bytes),
    }),
  };
}

/** A device reads or writes eight bytes. */
export function dma(
  says: string,
  device: string,
  at: string,
  access: 'READ' | 'WRITE',
  more: Partial<Pick<DmaCommand, 'pasid' | 'translation' | 'requester'>> = {},
): Step {
  return {
    says,
    command: (): DmaCommand => ({
      type: 'dma',
      endpoint: { kind: 'Device', name: device },
      pasid: 'OWN',
      address: address(at),
      size: 8,
      access,
      data: null,
      translation: 'UNTRANSLATED',
      ...more,
    }),
  };
}

/** The steps that take a device from its host driver and give its group to a new container. */
export function toContainer(device: string): Step[] {
  return [
    {
      says: `${device} is taken from its host driver.`,
      command: () => ({ type: 'unbindDriver', device }),
    },
    {
      says: `${device} is given to vfio-pci.`,
      command: () => ({ type: 'bindDriver', device, driver: 'vfio-pci' }),
    },
    { says: 'A process opens a container.', command: () => ({ type: 'openContainer', userMemory: null }) },
    {
      says: 'The group of the device is put into it.',
      command: (platform) => ({
        type: 'addGroupToContainer',
        container: newestContainer(platform),
        group: groupOf(platform, device).number,
      }),
    },
  ];
}

/** The container gets the type1v2 backend. */
export const setIommu: Step = {
  says: 'The container is given the type1v2 backend.',
  command: (platform) => ({ type: 'setContainerIommu', container: newestContainer(platform), iommuType: 3 }),
};

/** The process maps memory of its own at the same addresses. */
export function mapGuest(says: string, iova: string, bytes: number): Step {
  return {
    says,
    command: (platform) => ({
      type: 'vfioMapDma',
      container: newestContainer(platform),
      iova: address(iova),
      vaddr: u64(0x7f00, 0),
      size: u64FromNumber(bytes),
      read: true,
      write: true,
    }),
  };
}
