import { pciAddressOf } from '../../bits/pci-address.js';
import { extendedCapabilities, standardCapabilities } from '../../layout/pci/capabilities.js';
import { CAPABILITY, EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import { ATS_CONTROL_OFFSET } from '../../layout/pci/ats.js';
import { HEADER } from '../../layout/pci/header.js';
import { virtualFunctionIds } from '../../layout/pci/sriov.js';
import type { PciFunction, PciFunctionSource } from './function.js';

/** Capabilities a physical function has for its virtual ones too, or for the whole device. */
const NOT_IN_VIRTUAL_FUNCTIONS: ReadonlySet<number> = new Set([
  EXTENDED_CAPABILITY.singleRootIov,
  EXTENDED_CAPABILITY.pageRequestInterface,
  EXTENDED_CAPABILITY.pasid,
  EXTENDED_CAPABILITY.resizableBar,
  EXTENDED_CAPABILITY.powerBudgeting,
]);

/**
 * The virtual functions a physical one has switched on. What a device puts into their configuration spaces
 * beyond the standard's rules is not known before they are there, so they are taken for copies of the
 * physical function's: no ids of their own, no base addresses (those are in the SR-IOV capability), every
 * control bit clear, and without the capabilities that serve the physical function and them alike.
 * Spec: PCI Express 9.3.4 "PF/VF Configuration Space Header", 9.3.7 "SR-IOV Extended Capabilities".
 */
export function virtualFunctionSources(physical: PciFunction): PciFunctionSource[] {
  const { sriov } = physical;
  if (sriov === null) return [];
  return virtualFunctionIds(sriov, physical.sourceId).map((id) => ({
    address: pciAddressOf(physical.address.domain, id),
    config: virtualConfig(physical.config),
    physicalFunction: physical.address,
  }));
}

function virtualConfig(physical: Uint8Array): Uint8Array {
  const config = physical.slice();
  config.fill(0xff, 0, 4);
  config.fill(0, HEADER.command, HEADER.command + 2);
  config[HEADER.headerType] = 0;
  config.fill(0, HEADER.bar0, HEADER.bar0 + 24);
  config.fill(0, HEADER.expansionRom, HEADER.expansionRom + 4);
  config[HEADER.interruptLine] = 0;
  for (const { id, offset } of standardCapabilities(config)) {
    if (id === CAPABILITY.msi) config[offset + 2] &= ~1;
    if (id === CAPABILITY.msiX) config[offset + 3] &= 0x3f;
  }
  const extended = extendedCapabilities(config);
  for (const { id, offset } of extended) {
    if (id === EXTENDED_CAPABILITY.addressTranslationServices)
      config[offset + ATS_CONTROL_OFFSET + 1] &= 0x7f;
    if (!NOT_IN_VIRTUAL_FUNCTIONS.has(id)) continue;
    const next = Math.min(config.length, ...extended.map((each) => each.offset).filter((at) => at > offset));
    // A null capability keeps the list together.
    config[offset] = config[offset + 1] = 0;
    config.fill(0, offset + 4, next);
  }
  return config;
}
