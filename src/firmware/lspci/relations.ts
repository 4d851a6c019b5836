import { formatPciAddress, pciAddressOf, sourceIdOf } from '../../bits/pci-address.js';
import type { PciAddress } from '../../bits/pci-address.js';
import { EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import { extendedCapabilities } from '../../layout/pci/capabilities.js';
import { HEADER } from '../../layout/pci/header.js';
import { decodeSriov, virtualFunctionIds } from '../../layout/pci/sriov.js';
import { readConfigSpace, writeConfigSpace } from '../../layout/pci/config-space.js';

/** A function while its neighbours are being found. */
export interface ListedFunction {
  readonly address: PciAddress;
  readonly config: Uint8Array;
  /** Whether the configuration space is made from text, so that what the text cannot say is added. */
  readonly isSynthetic: boolean;
  physicalFunction: PciAddress | null;
}

/** Virtual functions looked up before giving up on a text that claims absurd numbers of them. */
const LOOKUP_LIMIT = 1 << 20;
const MULTI_FUNCTION = 0x80;

/**
 * Names the physical function of each virtual one, by offset and stride of SR-IOV capabilities, and gives
 * a virtual function the ids it answers to: its own registers read as ones.
 * Spec: Single Root I/O Virtualization 3.4.1.1 "Vendor ID". Linux: pci_iov_add_virtfn().
 */
export function linkVirtualFunctions(functions: readonly ListedFunction[]): void {
  const byAddress = new Map(functions.map((fn) => [formatPciAddress(fn.address), fn]));
  let lookups = 0;
  for (const physical of functions) {
    const { config, address } = physical;
    const entry = extendedCapabilities(config).find(({ id }) => id === EXTENDED_CAPABILITY.singleRootIov);
    if (!entry) continue;
    const sriov = decodeSriov(config, entry.offset);
    for (const id of virtualFunctionIds(sriov, sourceIdOf(address))) {
      if (++lookups > LOOKUP_LIMIT) return;
      const virtual = byAddress.get(formatPciAddress(pciAddressOf(address.domain, id)));
      if (!virtual || virtual === physical || virtual.physicalFunction) continue;
      virtual.physicalFunction = address;
      if (readConfigSpace(virtual.config, HEADER.vendorId, 2) === 0xffff) {
        writeConfigSpace(virtual.config, HEADER.vendorId, 2, readConfigSpace(config, HEADER.vendorId, 2));
        writeConfigSpace(virtual.config, HEADER.deviceId, 2, sriov.vfDeviceId);
      }
    }
  }
}

/** Sets the multi-function bit verbose text does not show: a device with a function besides 0 has it. */
export function markMultiFunction(functions: readonly ListedFunction[]): void {
  const deviceOf = ({ domain, bus, device }: PciAddress) => `${domain}:${bus}:${device}`;
  const multi = new Set(
    functions
      .filter(({ address, physicalFunction }) => address.function !== 0 && !physicalFunction)
      .map(({ address }) => deviceOf(address)),
  );
  for (const { address, config, isSynthetic, physicalFunction } of functions) {
    if (isSynthetic && !physicalFunction && multi.has(deviceOf(address))) {
      config[HEADER.headerType] |= MULTI_FUNCTION;
    }
  }
}
