import { toHex } from '../../bits/u64.js';
import { deviceToUnit } from '../../kernel/intel/unit-lookup.js';
import { GLOBAL, REGISTER } from '../../layout/registers.js';
import { type Check, item, registerBit, unitBehind } from './item.js';

/** DMA remapping, from the firmware's table to the running unit. */
export const remappingChecks: readonly Check[] = [
  ({ platform }) => {
    const { dmar } = platform.header.description;
    const evidence =
      dmar === null
        ? ['no DMAR table']
        : [
            `DMAR: ${dmar.structures.filter(({ kind }) => kind === 'DRHD').length} DRHD structures, host address width ${dmar.hostAddressWidth}`,
          ];
    return item(
      'DMAR_TABLE',
      'Firmware describes remapping units.',
      dmar !== null,
      evidence,
      'Switch VT-d on in the firmware setup.',
    );
  },
  ({ platform, device }) => {
    const { dmar } = platform.header.description;
    const found = dmar === null ? null : deviceToUnit(dmar, platform.machine.topology, device.fn);
    const how =
      found === null
        ? `no DRHD covers ${device.name}`
        : `DRHD at offset 0x${found.drhd.offset.toString(16)} of the DMAR table, register base ${toHex(found.drhd.registerBase)}${found.drhd.includeAll ? ', INCLUDE_PCI_ALL' : ''}`;
    return item('COVERED_BY_UNIT', `A remapping unit covers ${device.name}.`, found !== null, [how]);
  },
  ({ platform: { kernel } }) => {
    const options = ['CONFIG_INTEL_IOMMU', 'CONFIG_INTEL_IOMMU_DEFAULT_ON'].map(
      (name) => `${name}=${kernel.options().find((option) => option.name === name)?.value ?? 'n'}`,
    );
    return item(
      'KERNEL_REMAPS',
      'The kernel remaps DMA.',
      kernel.units.some(({ translationEnabled }) => translationEnabled),
      [`command line: ${kernel.config.commandLine || '(empty)'}`, ...options],
      'Boot with intel_iommu=on.',
    );
  },
  (subject) => {
    const { platform, device } = subject;
    const { name } = device;
    const unit = unitBehind(subject);
    const condition = `The unit of ${name} translates.`;
    if (unit === null) return item('TRANSLATION_ON', condition, false, [`no unit serves ${name}`]);
    const status = platform.hardwareUnit(unit.name).readRegister(REGISTER.GSTS, 4).lo;
    const isOn = (status & GLOBAL.TE) !== 0;
    const evidence = [`${unit.name}: GSTS.TES (bit 31) is ${Number(isOn)}`];
    return item('TRANSLATION_ON', condition, isOn, evidence, 'Boot with intel_iommu=on.');
  },
  (subject) => registerBit(subject, 'QUEUED_INVALIDATION', 'The unit takes invalidations by queue.', 'QI'),
];

/** Interrupt remapping, for the device's unit and for the kernel as a whole: it is on everywhere or nowhere. */
export const interruptChecks: readonly Check[] = [
  ({ platform }) => {
    const { dmar } = platform.header.description;
    const isOffered = dmar?.interruptRemapping ?? false;
    const evidence = [
      dmar === null ? 'no DMAR table' : `DMAR flags: INTR_REMAP (bit 0) is ${Number(isOffered)}`,
    ];
    const remedy = 'Switch interrupt remapping (VT-d, x2APIC) on in the firmware setup.';
    return item('FIRMWARE_OFFERS', 'Firmware offers interrupt remapping.', isOffered, evidence, remedy);
  },
  (subject) => registerBit(subject, 'UNIT_REMAPS_INTERRUPTS', 'The unit can remap interrupts.', 'IR'),
  ({ platform: { kernel } }) =>
    item(
      'EVERY_UNIT_CAN',
      'Every unit can, without which none does.',
      kernel.units.length > 0 && kernel.units.every(({ capabilities }) => capabilities.IR),
      kernel.units.map(({ name, capabilities }) => `${name}: ECAP.IR is ${Number(capabilities.IR)}`),
    ),
  ({ platform: { kernel } }) => {
    const { mode, reason } = kernel.interruptRemapping;
    const isOff = /intremap=off/.test(kernel.config.commandLine);
    const evidence = [`mode: ${mode ?? 'off'}`, reason];
    const remedy = isOff ? 'Boot without intremap=off.' : null;
    return item('KERNEL_REMAPS_INTERRUPTS', 'The kernel remaps interrupts.', mode !== null, evidence, remedy);
  },
];
