import type { Kernel } from '../kernel/kernel.js';
import type { AnySubdevice } from '../kernel/mdev/subdevice.js';
import type { Attachment } from '../kernel/iommu/attachment.js';
import type { Domain } from '../kernel/iommu/domain.js';
import type { IommuGroup } from '../kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../kernel/device/kernel-device.js';
import type { VfioContainer } from '../kernel/vfio/objects.js';

/** What the kernel's objects hold, as plain data that names other objects by their keys. */
export function* kernelFacts(kernel: Kernel): Generator<object> {
  for (const device of kernel.devices.values()) yield deviceFacts(device);
  for (const subdevice of kernel.subdevices.values()) yield subdeviceFacts(subdevice);
  for (const subdevice of kernel.softwareSubdevices.values()) yield subdeviceFacts(subdevice);
  for (const group of kernel.groups.values()) yield groupFacts(group);
  for (const domain of kernel.domains.values()) yield domainFacts(domain);
  for (const { name, ignored, rootFrame, translationEnabled, domainIdsUsed } of kernel.units)
    yield { unit: name, ignored, rootFrame, translationEnabled, domainIdsUsed };
  for (const { pid, pasid, rootFrame, bonds } of kernel.processes.values())
    yield { process: pid, pasid, rootFrame, bonds: [...bonds].map(([{ name }, users]) => [name, users]) };
  for (const container of kernel.vfio.containers.values()) yield containerFacts(kernel, container);
}

function deviceFacts(device: KernelDevice): object {
  const { name, driver, unit, group, info, attachments, interrupts, pendingPageRequests } = device;
  return {
    device: name,
    driver,
    unit: unit?.name,
    group: group?.number,
    info: info && [
      info.domain.number,
      info.pasidTable !== null,
      [info.atsEnabled, info.pasidEnabled, info.priEnabled, info.auxEnabled],
    ],
    attachments: attachments.map(attachmentFacts),
    ...(pendingPageRequests.length > 0 && { pendingPageRequests }),
    ...(interrupts.length > 0 && {
      interrupts: interrupts.map(({ kind, address, data, target }) => [kind, address, data, target]),
    }),
  };
}

function attachmentFacts(attachment: Attachment): object {
  const { domain, endpoint, device, kind, pasid, domainIdTag, unit, leaked } = attachment;
  const names = { domain: domain.number, endpoint: endpoint.name, device: device.name, unit: unit.name };
  return { ...names, kind, pasid, domainIdTag, leaked };
}

function subdeviceFacts({ uuid, parent, typeName, driver, unit, group }: AnySubdevice): object {
  return {
    subdevice: uuid,
    parent: parent.name,
    typeName,
    driver,
    unit: unit?.name,
    group: group?.number,
  };
}

function groupFacts(group: IommuGroup): object {
  const { number, members, domain, defaultDomain, blockingDomain, owned } = group;
  return {
    group: number,
    members: members.map(({ name }) => name),
    domain: domain?.number,
    defaultDomain: defaultDomain?.number,
    blockingDomain: blockingDomain?.number,
    owned,
  };
}

function domainFacts(domain: Domain): object {
  const { number, type, firstLevel, levels, rootFrame, tableBytes, mappedBytes } = domain;
  const { addressWidth, highestMappedEnd, superpageLevels, snoopControl, defaultPasid } = domain;
  return {
    domain: number,
    ...{ type, firstLevel, levels, rootFrame, tableBytes, mappedBytes },
    ...{ addressWidth, highestMappedEnd, superpageLevels, snoopControl, defaultPasid },
    ids: [...domain.domainIds].map(([unit, { did, users }]) => [unit.name, did, users]),
    attachments: domain.attachments.map(attachmentFacts),
    waiting: domain.flushQueue && [domain.flushQueue.dueAt, domain.flushQueue.entries],
  };
}

function containerFacts(kernel: Kernel, container: VfioContainer): object {
  const { number, groups, iommu, openDevices } = container;
  return {
    container: number,
    groups: groups.map((group) => group.number),
    lockLimit: container.userMemory.lockLimit,
    openDevices: [...openDevices].map(([{ name }, files]) => [name, files]),
    entriesAvailable: kernel.vfio.entriesAvailable(container),
    iommu: iommu && {
      v2: iommu.v2,
      nesting: iommu.nesting,
      domains: iommu.domains.map((each) => [each.domain.number, each.groups.map((one) => one.number)]),
      external: iommu.external?.map((group) => group.number),
      ranges: iommu.iovaRanges,
      dmas: iommu.dmas.all(),
    },
  };
}
