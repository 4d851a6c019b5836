import { parsePciAddress } from '../../bits/pci-address.js';
import { parseHex } from '../../bits/u64.js';
import type { Reading } from './decoded-line.js';
import { parseUnitLine } from './units.js';

const SUPPRESSED =
  /^(?:dmar_fault|amd_iommu_\w{1,40}|iommu_print_event|arm_smmu_\w{1,40}): (\d{1,9}) callbacks suppressed$/;
const DRHD = /^(?:dmar: |ACPI DMAR: ?)?(?:DMAR: ?)?DRHD base: (0x[0-9a-f]{1,16}) flags: /;
const RMRR_BASE = /^(?:dmar: |ACPI DMAR: ?)?(?:DMAR: ?)?RMRR base: (0x[0-9a-f]{1,16}) end: /;
/** What firmware got wrong about a range: `[0x...-0x...]`, or the device it is for. */
const RMRR_COMPLAINT =
  /\bDMAR: \[Firmware Bug\]: .{0,100}?\bRMRR (?:\[(0x[0-9a-f]{1,16})|entry for device ([0-9a-f:.]{7,16}))/;
const JOINED = /^(?:\S{1,64} )?(\S{1,64}): Adding to iommu group \d{1,9}$/;
/** As kernels before 5.3 worded it. */
const JOINED_OLD = /^iommu: Adding device (\S{1,64}) to group \d{1,9}(?: \(\w{1,20}\))?$/;
/** A device, in front of anything its unit's driver says of it. */
const ABOUT_DEVICE =
  /^(?:\S{1,64} )?(\S{1,64}): (?:DMAR: |AMD-Vi: |Removing from iommu group \d|Using iommu (?:dma|direct) mapping)/;
const ABOUT_REMAPPING =
  /^(?:DMAR(?:-IR)?: ?|dmar: |iommu: |AMD-Vi: |arm-smmu|Intel-IOMMU: |IOMMU(?: \d{1,4})?: |ACPI: (?:Reserving )?(?:DMAR|IVRS|IORT)\b|ACPI: Table Upgrade: \w{1,20} \[DMAR|x2apic: IRQ remapping |PCI-DMA: (?:Intel|Using DMAR)|intel_iommu: |dmar\d{1,4}: |vfio_iommu_type1\w{0,40}: )/;

/** A line about remapping that is no fault; null when it is about something else. */
export function readRemappingLine(message: string): Reading | null {
  const suppressed = SUPPRESSED.exec(message);
  if (suppressed) return { kind: 'SUPPRESSED_CALLBACKS', suppressed: Number(suppressed[1]) };
  const unit = parseUnitLine({ number: 0, text: message });
  if (unit) return { kind: 'REMAPPING_UNIT', address: unit.registerBase };
  const drhd = DRHD.exec(message);
  if (drhd) return { kind: 'REMAPPING_UNIT', address: parseHex(drhd[1]) };
  return readReservedMemory(message) ?? readGroup(message) ?? readOther(message);
}

function readReservedMemory(message: string): Reading | null {
  const match = RMRR_BASE.exec(message) ?? RMRR_COMPLAINT.exec(message);
  if (!match) return null;
  const [, base, device] = match as (string | undefined)[];
  return {
    kind: 'RESERVED_MEMORY',
    address: base === undefined ? null : parseHex(base),
    sourceId: device === undefined ? null : parsePciAddress(device),
  };
}

/** Subdevices and platform devices join groups too; they have no PCI address. */
function readGroup(message: string): Reading | null {
  const match = JOINED.exec(message) ?? JOINED_OLD.exec(message);
  return match && { kind: 'GROUP_ASSIGNMENT', sourceId: parsePciAddress(match[1]) };
}

function readOther(message: string): Reading | null {
  const about = ABOUT_DEVICE.exec(message);
  if (!about && !ABOUT_REMAPPING.test(message)) return null;
  return { kind: 'OTHER_REMAPPING', sourceId: about && parsePciAddress(about[1]) };
}
