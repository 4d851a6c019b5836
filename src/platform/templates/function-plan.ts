import { comparePciAddress, parsePciAddress, type PciAddress } from '../../bits/pci-address.js';
import type { MdevTypeDescription, PciFunctionDescription } from '../../firmware/description.js';
import { ConfigSpaceBuilder } from '../../firmware/pci-config/builder.js';
import type { BridgePart, HeaderPart } from '../../firmware/pci-config/header.js';
import { classCodeName } from '../../layout/pci/class-codes.js';
import { type Chip, VENDORS } from './chip.js';

/** One function of a template before the functions beside it are known. */
export interface FunctionPlan {
  /** `bus:device.function`; templates have one segment. */
  readonly at: string;
  readonly chip: Chip;
  /** Adds the capabilities. */
  readonly capabilities: (config: ConfigSpaceBuilder) => ConfigSpaceBuilder;
  readonly bridge?: BridgePart;
  readonly baseAddresses?: readonly number[];
  /** Address of the physical function, for a virtual one. */
  readonly virtualOf?: string;
  readonly mdevTypes?: readonly MdevTypeDescription[];
}

const MEMORY_AND_BUS_MASTER = 0x0006;
const BUS_MASTER = 0x0004;
const INTX_DISABLE = 0x0400;
/** A virtual function has no ids of its own; both fields read as ones. Spec: SR-IOV 3.4.1 "PCI Configuration Space Header". */
const VIRTUAL_ID = 0xffff;

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
      };
    })
    .sort((a, b) => comparePciAddress(a.address, b.address));
}

function headerOf({ chip, bridge, baseAddresses, virtualOf }: FunctionPlan): HeaderPart {
  const { classCode, revision } = chip;
  const header = { classCode, revision, bridge, baseAddresses };
  if (virtualOf !== undefined) {
    return { ...header, vendorId: VIRTUAL_ID, deviceId: VIRTUAL_ID, command: BUS_MASTER };
  }
  const { vendorId, deviceId } = chip;
  const command = chip.driver === null ? MEMORY_AND_BUS_MASTER : MEMORY_AND_BUS_MASTER | INTX_DISABLE;
  return {
    ...header,
    vendorId,
    deviceId,
    command,
    ...(bridge ? {} : { subsystemVendorId: vendorId, subsystemId: 0 }),
  };
}

function addressOf(text: string): PciAddress {
  const address = parsePciAddress(text);
  if (address === null) throw new RangeError(`"${text}" is no PCI address`);
  return address;
}
