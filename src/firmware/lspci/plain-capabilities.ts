import { CAPABILITY, EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';

/** Ids of capabilities by the beginning of their title, where only their presence is kept. */
const CONVENTIONAL: readonly (readonly [string, number])[] = [
  ['Power Management', CAPABILITY.powerManagement],
  ['AGP', CAPABILITY.agp],
  ['Vital Product Data', CAPABILITY.vitalProductData],
  ['Slot ID', CAPABILITY.slotId],
  ['PCI-X', CAPABILITY.pciX],
  ['HyperTransport', CAPABILITY.hyperTransport],
  ['Vendor Specific Information', CAPABILITY.vendorSpecific],
  ['Debug port', CAPABILITY.debugPort],
  ['Hot-plug capable', CAPABILITY.hotPlug],
  ['Subsystem', CAPABILITY.subsystemId],
  ['Secure device', CAPABILITY.secureDevice],
  ['SATA HBA', CAPABILITY.sata],
  ['PCI Advanced Features', CAPABILITY.advancedFeatures],
  ['Enhanced Allocation', CAPABILITY.enhancedAllocation],
];

const EXTENDED: readonly (readonly [string, number])[] = [
  ['Advanced Error Reporting', EXTENDED_CAPABILITY.advancedErrorReporting],
  ['Virtual Channel', EXTENDED_CAPABILITY.virtualChannel],
  ['Device Serial Number', EXTENDED_CAPABILITY.serialNumber],
  ['Power Budgeting', EXTENDED_CAPABILITY.powerBudgeting],
  ['Vendor Specific Information', EXTENDED_CAPABILITY.vendorSpecific],
  ['Physical Resizable BAR', EXTENDED_CAPABILITY.resizableBar],
  ['Transaction Processing Hints', EXTENDED_CAPABILITY.tphRequester],
  ['Latency Tolerance Reporting', EXTENDED_CAPABILITY.latencyToleranceReporting],
  ['Secondary PCI Express', EXTENDED_CAPABILITY.secondaryExpress],
  ['Downstream Port Containment', EXTENDED_CAPABILITY.downstreamPortContainment],
  ['L1 PM Substates', EXTENDED_CAPABILITY.l1Substates],
  ['Precision Time Measurement', EXTENDED_CAPABILITY.precisionTimeMeasurement],
];

const NUMBERED = /^(?:Extended )?Capability ID 0x([0-9a-f]{1,4})/;

/** The id a title stands for; null for the null capability and for titles nobody here knows. */
export function plainCapabilityId(title: string, isExtended: boolean): number | null {
  const numbered = NUMBERED.exec(title);
  if (numbered) return parseInt(numbered[1], 16) & (isExtended ? 0xffff : 0xff) || null;
  return (isExtended ? EXTENDED : CONVENTIONAL).find(([name]) => title.startsWith(name))?.[1] ?? null;
}
