import { comparePciAddress, parsePciAddress, type PciAddress } from '../../bits/pci-address.js';
import type { MdevTypeDescription, PciFunctionDescription } from '../../firmware/description.js';
import { ConfigSpaceBuilder } from '../../firmware/pci-config/builder.js';
import type { BridgePart, HeaderPart } from '../../firmware/pci-config/header.js';
import { classCodeName } from '../../layout/pci/class-codes.js';
import { type Chip, VENDORS } from './chip.js';

/** One function of a template before the functions beside it are known. */
export interface FunctionPlan {
  /** `bus:device.function`, behind a segment where that is not 0; buses differ between segments. */
  readonly at: string;
  readonly chip: Chip;
  /** Adds the capabilities. */
  readonly capabilities: (config: ConfigSpaceBuilder) => ConfigSpaceBuilder;
  readonly bridge?: BridgePart;
  readonly baseAddresses?: readonly number[];
  /** Address of the physical function, for a virtual one. */
  readonly virtualOf?: string;
  readonly mdevTypes?: readonly MdevTypeDescription[];
  readonly parentBus?: 'platform';
}

const MEMORY_AND_BUS_MASTER = 0x0006;
const BUS_MASTER = 0x0004;
const INTX_DISABLE = 0x0400;

/** The functions as an import lists them: sorted, slots with several functions marked as such. */
export function describeFunctions(plans: readonly FunctionPlan[]): PciFunctionDescription[] {
  const slotOf = ({ bus, device }: PciAddress) => bus * 32 + device;
  const inSlot = new Map<number, number>();
  for (const { at, virtualOf } of plans) {
    const slot = slotOf(addressOf(at));
    if (virtualOf === undefined) inSlot.set(slot, (inSlot.get(slot) ?? 0) + 1);
  }
  return plans
    .map((plan): PciFunctionDescription => {
      const address = addressOf(plan.at);
      const multiFunction = plan.virtualOf === undefined && inSlot.get(slotOf(address))! > 1;
      return {
        address,
        config: plan.capabilities(new ConfigSpaceBuilder({ ...headerOf(plan), multiFunction })).build(),
        vendorName: VENDORS[plan.chip.vendorId],
        deviceName: plan.chip.name,
        className: classCodeName(plan.chip.classCode),
        driver: plan.chip.driver,
        physicalFunction: plan.virtualOf === undefined ? null : addressOf(plan.virtualOf),
        mdevTypes: plan.mdevTypes ?? [],
        ...(plan.parentBus === undefined ? {} : { parentBus: plan.parentBus }),
      };
    })
    .sort((a, b) => comparePciAddress(a.address, b.address));
}

function headerOf({ chip, bridge, baseAddresses, virtualOf }: FunctionPlan): HeaderPart {
  const { vendorId, deviceId, classCode, revision, driver } = chip;
  const decodesMemory = virtualOf === undefined ? MEMORY_AND_BUS_MASTER : BUS_MASTER;
  return {
    // A virtual function's own registers read as ones; like an import, this holds the ids it goes by.
    vendorId,
    deviceId,
    classCode,
    revision,
    bridge,
    baseAddresses,
    command: decodesMemory | (driver === null || virtualOf !== undefined ? 0 : INTX_DISABLE),
    ...(bridge ? {} : { subsystemVendorId: vendorId, subsystemId: 0 }),
  };
}

function addressOf(text: string): PciAddress {
  const address = parsePciAddress(text);
  if (address === null) throw new RangeError(`"${text}" is no PCI address`);
  return address;
}
