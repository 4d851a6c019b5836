import { parsePciAddress } from '../../src/bits/pci-address.js';
import { ConfigSpaceBuilder } from '../../src/firmware/pci-config/builder.js';
import { PciFunction } from '../../src/hardware/pci/function.js';
import { PciTopology } from '../../src/hardware/pci/topology.js';
import { ACS } from '../../src/layout/pci/acs.js';
import type { PciePortType } from '../../src/layout/pci/express.js';

export const FULL_ACS =
  ACS.sourceValidation | ACS.requestRedirect | ACS.completionRedirect | ACS.upstreamForwarding;

/** A function for a test machine: everything not said is absent or zero. */
export interface FunctionPlan {
  readonly at: string;
  readonly type?: Exclude<PciePortType, 'UNKNOWN'>;
  readonly ids?: readonly [number, number];
  readonly subsystem?: readonly [number, number];
  readonly classCode?: number;
  readonly multifunction?: boolean;
  /** Secondary and subordinate bus; makes it a bridge. */
  readonly buses?: readonly [number, number];
  /** Capability and control bits. */
  readonly acs?: readonly [number, number];
  readonly sriov?: { readonly numVfs: number; readonly firstOffset: number; readonly stride: number };
  readonly physicalFunction?: string;
}

export function functionOf(plan: FunctionPlan): PciFunction {
  const address = parsePciAddress(plan.at);
  if (address === null) throw new Error(`not an address: ${plan.at}`);
  const builder = new ConfigSpaceBuilder({
    vendorId: plan.ids?.[0] ?? 0x1af4,
    deviceId: plan.ids?.[1] ?? 0x1000,
    subsystemVendorId: plan.subsystem?.[0],
    subsystemId: plan.subsystem?.[1],
    classCode: plan.classCode ?? (plan.buses === undefined ? 0x020000 : 0x060400),
    multiFunction: plan.multifunction,
    bridge:
      plan.buses === undefined
        ? undefined
        : { primary: address.bus, secondary: plan.buses[0], subordinate: plan.buses[1] },
  });
  if (plan.type !== undefined) builder.express({ portType: plan.type });
  if (plan.acs !== undefined) builder.acs({ capability: plan.acs[0], control: plan.acs[1] });
  if (plan.sriov !== undefined) {
    builder.sriov({
      ...plan.sriov,
      totalVfs: plan.sriov.numVfs,
      initialVfs: plan.sriov.numVfs,
      vfEnabled: true,
      vfDeviceId: 0x1111,
    });
  }
  return new PciFunction({
    address,
    config: builder.build(),
    physicalFunction: plan.physicalFunction === undefined ? null : parsePciAddress(plan.physicalFunction),
  });
}

export function machineOf(plans: readonly FunctionPlan[]): PciTopology {
  return new PciTopology(plans.map(functionOf));
}

/** The function at an address that is known to exist. */
export function at(topology: PciTopology, name: string): PciFunction {
  const fn = topology.functions.get(name);
  if (fn === undefined) throw new Error(`no function ${name}`);
  return fn;
}
