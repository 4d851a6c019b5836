import { toHex } from '../../bits/u64.js';
import { reservedMemoryOf } from '../../kernel/intel/rmrr.js';
import { isRmrrLocked } from '../../kernel/intel/rmrr.js';
import { groupBlockers, isVfioDriver } from '../../kernel/vfio/viability.js';
import { EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import { type Check, extendedCapability, item } from './item.js';
import { interruptChecks, remappingChecks } from './remapping.js';
import { pasidChecks } from './pasid.js';

/** Firmware has no claim on the device’s memory accesses. */
const notReserved: Check = ({ platform, device }) => {
  const { dmar } = platform.header.description;
  const { topology } = platform.machine;
  const ranges = dmar === null ? [] : reservedMemoryOf(dmar, topology, device.fn);
  const isLocked = dmar !== null && isRmrrLocked(dmar, topology, device.fn);
  const evidence = ranges.map(
    ({ start, last, relaxable }) =>
      `RMRR ${toHex(start)}-${toHex(last)}${relaxable ? ', relaxable: a USB or display device' : ''}`,
  );
  if (evidence.length === 0) evidence.push('no RMRR names it or a bridge above it');
  return item(
    'NO_RESERVED_MEMORY',
    `No RMRR ties ${device.name} to memory of firmware.`,
    !isLocked,
    evidence,
  );
};

/** Handing the whole device to a process. */
export const passthroughChecks: readonly Check[] = [
  ...remappingChecks,
  ...interruptChecks,
  ({ device: { group, name } }) => {
    const others = group?.members.filter((member) => member.name !== name) ?? [];
    const evidence =
      group === null
        ? ['it is in no group']
        : [
            `group ${group.number}: ${group.members.map((member) => member.name).join(', ')}`,
            ...group.because.map(({ explanation }) => explanation),
          ];
    const remedy =
      group === null ? null : 'Give the whole group away, or move the card to a slot whose path has ACS.';
    return item(
      'ALONE_IN_GROUP',
      `${name} has a group of its own.`,
      group !== null && others.length === 0,
      evidence,
      remedy,
    );
  },
  ({ device: { group, name } }) => {
    const blockers = group === null ? [] : groupBlockers(group);
    const evidence = (group?.members ?? []).map(
      (member) => `driver of ${member.name}: ${member.driver ?? 'none'}`,
    );
    const remedy = blockers.map((blocker) => blocker.remedy).join(' ') || null;
    return item(
      'GROUP_VIABLE',
      `No host driver holds a member of the group of ${name}.`,
      group !== null && blockers.length === 0,
      evidence,
      remedy,
    );
  },
  ({ device: { driver, name } }) =>
    item(
      'VFIO_DRIVER',
      `${name} is bound to a VFIO driver.`,
      isVfioDriver(driver),
      [`driver of ${name}: ${driver ?? 'none'}`],
      driver === null
        ? `Bind ${name} to vfio-pci.`
        : `Unbind ${name} from ${driver}, then bind it to vfio-pci.`,
    ),
  notReserved,
  ({ device }) => {
    const isOn = device.enabledFeatures.has('AUX');
    const evidence = [`AUX of ${device.name}: ${isOn ? 'on' : 'off'}`];
    return item(
      'AUX_OFF',
      `The AUX feature of ${device.name} is off, so that a domain of the user’s may be its primary one.`,
      !isOn,
      evidence,
      'Disable the feature AUX.',
    );
  },
];

/** Handing parts of the device to processes, each behind a PASID. */
export const subdeviceChecks: readonly Check[] = [
  ...remappingChecks,
  ...pasidChecks,
  (subject) =>
    extendedCapability(
      subject,
      'SCALABLE_IOV',
      'Scalable IOV (DVSEC 8086:5)',
      EXTENDED_CAPABILITY.designatedVendorSpecific,
      (fn) => fn.scalableIov,
    ),
  ({ platform: { kernel } }) => {
    const value =
      kernel.options().find(({ name }) => name === 'CONFIG_INTEL_IOMMU_SCALABLE_IOV')?.value ?? 'n';
    return item(
      'SUBDEVICE_OPS',
      'Subdevices have IOMMU operations, or the model needs none.',
      kernel.subdeviceOpsRegistered || kernel.config.subdeviceModel !== 'MDEV_BUS_OPS',
      [
        `CONFIG_INTEL_IOMMU_SCALABLE_IOV=${value}`,
        `subdevice model: ${kernel.config.subdeviceModel}`,
        kernel.scalableModeReason,
      ],
      value === 'y' ? null : 'Build with CONFIG_INTEL_IOMMU_SCALABLE_IOV=y.',
    );
  },
  ({ platform: { kernel }, device }) => {
    const types = kernel
      .mdevTypes(device)
      .map(({ name, availableInstances }) => `${name}: ${availableInstances} free`);
    const { mdevDriver, driver, name } = device;
    const evidence = [`driver of ${name}: ${driver ?? 'none'}`, ...types];
    const remedy =
      mdevDriver === null || mdevDriver === driver || device.mdevTypeInputs.length === 0
        ? null
        : `Bind ${name} to ${mdevDriver}.`;
    return item(
      'OFFERS_TYPES',
      `The driver of ${name} offers subdevice types.`,
      types.length > 0,
      evidence,
      remedy,
    );
  },
  ({ platform: { kernel }, device }) => {
    const needsAux = kernel.config.subdeviceModel !== 'PASID_ATTACH';
    const isOn = device.enabledFeatures.has('AUX');
    const evidence = [`AUX of ${device.name}: ${isOn ? 'on' : 'off'}`];
    return item(
      'AUX_ON',
      `The AUX feature of ${device.name} is on, so that attaching to a subdevice leaves the parent alone.`,
      isOn || !needsAux,
      evidence,
      'Enable the feature AUX.',
    );
  },
];
