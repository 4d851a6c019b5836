import { EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import { atsAllowed } from '../../kernel/intel/unit-lookup.js';
import { profileOf } from '../../kernel/profile/profile.js';
import { type Check, extendedCapability, item, registerBit } from './item.js';

export const scalableModeChecks: readonly Check[] = [
  (subject) => registerBit(subject, 'UNIT_SCALABLE', 'The unit can run in scalable mode.', 'SMTS'),
  ({ platform: { kernel } }) => {
    const able = kernel.units.length > 0 && kernel.units.every(({ capabilities }) => capabilities.SMTS);
    return item(
      'SCALABLE_MODE_ON',
      'The kernel runs its units in scalable mode.',
      kernel.scalableMode,
      [kernel.scalableModeReason, `command line: ${kernel.config.commandLine || '(empty)'}`],
      able ? 'Boot with intel_iommu=on,sm_on.' : null,
    );
  },
];

export const pasidChecks: readonly Check[] = [
  ...scalableModeChecks,
  (subject) => registerBit(subject, 'UNIT_PASID', 'The unit handles requests with a PASID.', 'PASID'),
  ({ platform: { kernel } }) =>
    item(
      'EVERY_UNIT_PASID',
      'Every unit handles PASIDs, without which they count as absent on all.',
      kernel.units.length > 0 && kernel.units.every(({ capabilities }) => capabilities.PASID),
      kernel.units.map(
        ({ name, capabilities: { PASID, PSS } }) =>
          `${name}: ECAP.PASID is ${Number(PASID)}, ECAP.PSS is ${PSS}`,
      ),
    ),
  (subject) =>
    extendedCapability(
      subject,
      'DEVICE_PASID',
      'PASID',
      EXTENDED_CAPABILITY.pasid,
      (fn) => (fn.physicalFunction ?? fn).pasid,
    ),
];

export const atsChecks: readonly Check[] = [
  (subject) => registerBit(subject, 'UNIT_DEVICE_TLB', 'The unit works with device-TLBs.', 'DT'),
  (subject) =>
    extendedCapability(
      subject,
      'DEVICE_ATS',
      'ATS',
      EXTENDED_CAPABILITY.addressTranslationServices,
      (fn) => fn.ats,
    ),
  ({ platform, device }) => {
    const { dmar } = platform.header.description;
    const satc = profileOf(platform.kernel.config.profile).knowsSatc
      ? { scalableMode: platform.kernel.scalableMode }
      : null;
    const isAllowed = dmar !== null && atsAllowed(dmar, platform.machine.topology, device.fn, satc);
    const kinds = (dmar?.structures ?? []).filter(({ kind }) => kind === 'ATSR' || kind === 'SATC');
    const evidence = kinds.map(
      ({ kind, offset }) => `${kind} at offset 0x${offset.toString(16)} of the DMAR table`,
    );
    if (evidence.length === 0) evidence.push('the DMAR table has no ATSR and no SATC');
    return item(
      'FIRMWARE_ALLOWS_ATS',
      'Firmware lists the root port above it for ATS, or it is integrated.',
      isAllowed,
      evidence,
    );
  },
  ({ device }) => {
    const isOn = device.fn.ats?.enabled ?? false;
    const evidence = [`configuration space: ATS control, enable bit is ${Number(isOn)}`];
    return item('ATS_ON', `The driver of the unit has ATS of ${device.name} on.`, isOn, evidence);
  },
];

export const pageRequestChecks: readonly Check[] = [
  ...atsChecks,
  (subject) => registerBit(subject, 'UNIT_PAGE_REQUESTS', 'The unit takes page requests.', 'PRS'),
  (subject) =>
    extendedCapability(
      subject,
      'DEVICE_PRI',
      'PRI',
      EXTENDED_CAPABILITY.pageRequestInterface,
      (fn) => (fn.physicalFunction ?? fn).pri,
    ),
];

export const sharedMemoryChecks: readonly Check[] = [
  ...pasidChecks,
  ...pageRequestChecks,
  (subject) => registerBit(subject, 'FIRST_STAGE', 'The unit walks the processor’s tables.', 'FSTS'),
  (subject) =>
    registerBit(
      subject,
      'FIRST_STAGE_1G',
      'The unit takes 1 GiB pages in them, as the processor does.',
      'FS1GP',
    ),
  ({ platform: { kernel } }) => {
    const value = kernel.options().find(({ name }) => name === 'CONFIG_INTEL_IOMMU_SVM')?.value ?? 'n';
    return item(
      'KERNEL_SVM',
      'The kernel is built for shared virtual memory.',
      value === 'y',
      [`CONFIG_INTEL_IOMMU_SVM=${value}`],
      'Build with CONFIG_INTEL_IOMMU_SVM=y.',
    );
  },
];
