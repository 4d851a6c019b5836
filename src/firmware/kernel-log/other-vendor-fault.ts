import { parsePciAddress } from '../../bits/pci-address.js';
import { bit, parseHex } from '../../bits/u64.js';
import type { Reading } from './decoded-line.js';

/** A driver and a device in front of a message, as dev_printk() puts them. */
const DEVICE = /^(?:\S{1,64} )?(\S{1,64}): /;
const AMD_EVENT = /\bAMD-Vi: (?:\[Hardware Error\]: )?Event logged \[(.*)$/;
const SMMU_FAULT = /^arm-smmu\S{0,40} \S{1,64}: (?:Unhandled context fault|Unexpected global fault)\b(.*)$/;
const SMMU_V3_EVENT =
  /^arm-smmu-v3 \S{1,64}: (?:event 0x[0-9a-f]{1,4} received:|event: \S{1,40} client: |unexpected global error reported)(.*)$/;

/**
 * A fault of an AMD or ARM unit, with what its line states in a form all kernels share; null for any other
 * message. Their reasons are not those of VT-d. Linux: iommu_print_event(), arm_smmu_context_fault(),
 * arm_smmu_evtq_thread().
 */
export function readOtherVendorFault(message: string): Reading | null {
  const amd = AMD_EVENT.exec(message);
  if (amd) return readAmd(message, amd[1]);
  const arm = SMMU_FAULT.exec(message) ?? SMMU_V3_EVENT.exec(message);
  return arm && readArm(arm[0]);
}

function readAmd(message: string, event: string): Reading {
  const value = (key: string) => new RegExp(`\\b${key}=([0-9a-fx:.]{1,24})`, 'i').exec(event)?.[1] ?? '';
  const flags = parseHex(value('flags'));
  // The direction means something only where a translation was present (PR).
  const hasAccess = event.startsWith('IO_PAGE_FAULT') && flags !== null && bit(flags, 4);
  const pasid = parseHex(value('pasid'));
  return {
    kind: 'OTHER_VENDOR_FAULT',
    sourceId: parsePciAddress(value('device')) ?? parsePciAddress(DEVICE.exec(message)?.[1] ?? ''),
    address: parseHex(value('address')),
    access: hasAccess ? (bit(flags, 5) ? 'WRITE' : 'READ') : null,
    // Printed as 0 also where the request had none.
    pasid: pasid !== null && pasid.hi === 0 && pasid.lo > 0 && pasid.lo <= 0xfffff ? pasid.lo : null,
  };
}

function readArm(message: string): Reading {
  const iova = /\biova[=:] ?(0x[0-9a-f]{1,16})\b/.exec(message);
  const syndrome = /\bfsynr0?=(0x[0-9a-f]{1,8})\b/.exec(message);
  const client = /\bclient: (\S{1,24})/.exec(message);
  const bits = syndrome && parseHex(syndrome[1]);
  return {
    kind: 'OTHER_VENDOR_FAULT',
    sourceId: client && parsePciAddress(client[1]),
    address: iova && parseHex(iova[1]),
    // FSYNR0.WNR
    access: bits ? (bit(bits, 4) ? 'WRITE' : 'READ') : null,
  };
}
