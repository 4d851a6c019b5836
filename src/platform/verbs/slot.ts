import { comparePciAddress, formatPciAddress } from '../../bits/pci-address.js';
import type { PciFunctionDescription } from '../../firmware/description.js';
import { FirmwareInputError } from '../../firmware/input-error.js';
import { parseLspci } from '../../firmware/lspci/parse.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import { InvalidInputError } from '../errors.js';
import { deviceOf } from './lookup.js';
import type { Platform } from '../platform.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface SlotResults {
  hotplugDevice: readonly KernelDevice[];
  rescanBus: readonly KernelDevice[];
  /** Names of the devices that went. */
  removeDevice: readonly string[];
  setNumVfs: { readonly device: KernelDevice; readonly virtualFunctions: readonly KernelDevice[] };
}

/** The commands on functions that come and go while the machine runs. */
export const SLOT_VERBS: VerbTable<SlotResults> = {
  hotplugDevice: (platform, { pci }) => {
    const card = cardOf(platform, pci);
    return () => platform.plug(card);
  },
  rescanBus: (platform) => () => platform.kernel.rescan(null),
  removeDevice: (platform, { device, unplug }) => {
    const found = deviceOf(platform, device);
    return () => (unplug ? platform.unplug(found) : platform.kernel.removeDevice(found));
  },
  setNumVfs: (platform, { device, count }) => {
    const found = deviceOf(platform, device);
    return () => ({ device: found, virtualFunctions: platform.kernel.setNumVfs(found, count) });
  },
};

/** The functions of a card, from their listing; each must have a free place on a bus that is there. */
function cardOf(platform: Platform, pci: string): readonly PciFunctionDescription[] {
  const path = ['input', 'pci'];
  const refuse = (message: string) => new InvalidInputError(path, message);
  const functions = listed(pci, refuse);
  const { topology } = platform.machine;
  for (const { address } of functions) {
    const name = formatPciAddress(address);
    if (topology.find(address) !== null) throw refuse(`There is a function at ${name}.`);
    const isBehindCard = functions.some((other) => leadsTo(other, address.domain, address.bus));
    if (!isBehindCard && !topology.hasBus(address.domain, address.bus))
      throw refuse(`${name} is on a bus no bridge of the platform or of the card leads to.`);
  }
  return [...functions].sort((a, b) => comparePciAddress(a.address, b.address));
}

function listed(pci: string, refuse: (message: string) => Error): readonly PciFunctionDescription[] {
  try {
    return parseLspci(pci).functions;
  } catch (error) {
    if (error instanceof FirmwareInputError) throw refuse(error.message);
    throw error;
  }
}

/** Whether a function is the bridge to a bus. Spec: PCI-to-PCI Bridge 3.2.5.4 "Secondary Bus Number Register". */
function leadsTo({ address, config }: PciFunctionDescription, domain: number, bus: number): boolean {
  const isBridge = (config[0x0e] & 0x7f) === 1;
  return isBridge && address.domain === domain && config[0x19] === bus;
}
