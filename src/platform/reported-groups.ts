import { formatPciAddress } from '../bits/pci-address.js';
import { PciFunction } from '../hardware/pci/function.js';
import { PciTopology } from '../hardware/pci/topology.js';
import { type PciGroupReason, pciDeviceGroup } from '../kernel/iommu/pci-group.js';
import type { KernelDevice } from '../kernel/device/kernel-device.js';
import { enableAcs } from '../kernel/pci/acs.js';
import { bootOrder } from '../kernel/pci/boot-order.js';
import type { Platform } from './platform.js';

/** What a machine's own kernel said of a function's group, beside what the rules give. */
export interface GroupComparison {
  readonly device: KernelDevice;
  /** Number the machine's kernel gave the group; null when it named none. */
  readonly reportedNumber: number | null;
  /** The other members it named, as far as the machine has them. */
  readonly reportedWith: readonly KernelDevice[];
  /** The other members by the rules. */
  readonly computedWith: readonly KernelDevice[];
  /** Both have the same members. Numbers depend on the order of the boot and are not compared. */
  readonly agrees: boolean;
  /** The rules that put it there. */
  readonly because: readonly PciGroupReason[];
  /** What a difference can come from; null when there is none. */
  readonly explanation: string | null;
}

/**
 * Reported groups of an import against computed ones, function by function in the order of addresses; empty
 * when nothing was reported. What has no unit here is grouped by topology alone, as another vendor's units
 * would have it: so machines without a DMAR table are compared too.
 */
export function compareGroups(platform: Platform): GroupComparison[] {
  const reported = reportedOf(platform);
  if (reported.size === 0) return [];
  const computed = computedOf(platform, new Set(reported.keys()));
  return [...platform.kernel.devices.values()].flatMap((device): GroupComparison[] => {
    const theirs = reported.get(device.name) ?? null;
    const ours = computed.get(device.name) ?? null;
    if (theirs === null && ours === null) return [];
    const others = (names: readonly string[]) =>
      names.filter((name) => name !== device.name).map((name) => platform.kernel.devices.get(name)!);
    const reportedWith = others(theirs?.members ?? []);
    const computedWith = others(ours?.members ?? []);
    const agrees = theirs !== null && ours !== null && isSame(reportedWith, computedWith);
    const because = ours?.because ?? [];
    return [
      {
        device,
        reportedNumber: theirs?.number ?? null,
        reportedWith,
        computedWith,
        agrees,
        because,
        explanation: agrees ? null : explain(platform, device, theirs !== null, ours !== null),
      },
    ];
  });
}

interface Grouped {
  readonly members: string[];
  readonly because: PciGroupReason[];
}

/** By name of a function the machine has. */
function reportedOf({ header, kernel }: Platform) {
  const found = new Map<string, { readonly number: number; readonly members: readonly string[] }>();
  for (const { number, members } of header.description.reportedGroups) {
    const names = members.map(formatPciAddress).filter((name) => kernel.devices.has(name));
    for (const name of names) found.set(name, { number, members: names });
  }
  return found;
}

/**
 * The rules applied in the order of a boot, to the functions the kernel here has in groups, or else to those
 * the machine had.
 */
function computedOf(platform: Platform, reported: ReadonlySet<string>): Map<string, Grouped> {
  const grouped = [...platform.kernel.devices.values()].filter(({ group }) => group !== null);
  const isHere = grouped.length > 0;
  const wanted = isHere ? new Set(grouped.map(({ name }) => name)) : reported;
  const topology = isHere ? platform.machine.topology : withAccessControl(platform);
  const groupOf = new Map<PciFunction, Grouped>();
  for (const fn of bootOrder(topology)) {
    if (!wanted.has(fn.name)) continue;
    const { existing, reasons } = pciDeviceGroup(topology, fn, (other) => groupOf.get(other) ?? null);
    const group = existing ?? { members: [], because: [] };
    group.members.push(fn.name);
    group.because.push(...reasons);
    groupOf.set(fn, group);
  }
  const byName = new Map<string, Grouped>();
  for (const [{ name }, { members, because }] of groupOf) {
    const own = because.filter((reason) => reason.device.name === name || reason.via?.name === name);
    byName.set(name, { members, because: own });
  }
  return byName;
}

/** The machine as a kernel with units of its own leaves it: with access control on. Linux: pci_enable_acs(). */
function withAccessControl({ header }: Platform): PciTopology {
  const topology = new PciTopology(header.description.functions.map((source) => new PciFunction(source)));
  for (const fn of topology.functions.values()) enableAcs(fn);
  return topology;
}

function isSame(a: readonly KernelDevice[], b: readonly KernelDevice[]): boolean {
  return a.length === b.length && a.every((device) => b.includes(device));
}

function explain(
  { kernel }: Platform,
  { name, fn }: KernelDevice,
  isReported: boolean,
  isComputed: boolean,
): string {
  if (!isReported) return `The listing names no group of ${name}: it may be from another moment, or a part.`;
  if (!isComputed) return `No remapping unit of the table covers ${name}, so it has no group here.`;
  const reasons: string[] = [];
  if (/pcie_acs_override=/.test(kernel.config.commandLine))
    reasons.push(
      'its command line has pcie_acs_override, which splits groups that hardware does not isolate',
    );
  if (fn.standardCapabilities.length === 0)
    reasons.push('it was listed without capabilities, so its kind of port and its ACS are not known');
  else if (fn.isPcie && fn.config.length <= 256)
    reasons.push('its configuration space was read without extended capabilities, so without ACS');
  if (reasons.length === 0)
    reasons.push('the listing it was read from, or a device added after the boot, can be the reason');
  return `The machine grouped ${name} otherwise: ${reasons.join('; ')}.`;
}
