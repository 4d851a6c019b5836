import { toHex } from '../../bits/u64.js';
import { CAP_FIELDS, ECAP_FIELDS, type UnitCapabilities } from '../../layout/capability.js';
import type { IntelUnit } from '../../kernel/intel/unit.js';
import { deviceToUnit } from '../../kernel/intel/unit-lookup.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Platform } from '../platform.js';

/** UNKNOWN: what was read off the machine does not say. */
export type ReadinessState = 'OK' | 'MISSING' | 'UNKNOWN';

/** One condition of a use of a device. */
export interface ReadinessItem {
  /** Stable upper-case word, for programs. */
  readonly code: string;
  readonly state: ReadinessState;
  /** The condition, as one sentence that holds when the state is OK. */
  readonly condition: string;
  /** Register bits, capability offsets, options and table structures it was read from. */
  readonly evidence: readonly string[];
  /** What would bring it about; null when it is there or nothing would. */
  readonly remedy: string | null;
}

/** What is looked at. */
export interface Subject {
  readonly platform: Platform;
  readonly device: KernelDevice;
}

export type Check = (subject: Subject) => ReadinessItem;

/** The unit that serves a device, or would if remapping were on. */
export function unitBehind({ platform, device }: Subject): IntelUnit | null {
  const { dmar } = platform.header.description;
  if (device.unit !== null || dmar === null) return device.unit;
  const drhd = deviceToUnit(dmar, platform.machine.topology, device.fn)?.drhd;
  return platform.kernel.units.find((unit) => unit.drhd === drhd) ?? null;
}

/** An item whose state is yes, no, or null for not known; the remedy is for a no. */
export function item(
  code: string,
  condition: string,
  isSo: boolean | null,
  evidence: readonly string[],
  remedy: string | null = null,
): ReadinessItem {
  const state = isSo === null ? 'UNKNOWN' : isSo ? 'OK' : 'MISSING';
  return { code, state, condition, evidence, remedy: state === 'OK' ? null : remedy };
}

/**
 * A bit of a unit's CAP or ECAP register. Registers nobody read off the machine are assumed ones, so what
 * they say is not known.
 */
export function registerBit(
  subject: Subject,
  code: string,
  condition: string,
  name: keyof UnitCapabilities,
): ReadinessItem {
  const { platform, device } = subject;
  const unit = unitBehind(subject);
  if (unit === null) return item(code, condition, false, [`no unit serves ${device.name}`]);
  const value = Number(unit.capabilities[name]);
  const inEcap = ECAP_FIELDS.find((field) => field.name === name);
  const place = inEcap ?? CAP_FIELDS.find((field) => field.name === name)!;
  const raw = toHex(inEcap === undefined ? unit.capability : unit.extendedCapability);
  const isAssumed = platform.header.description.units.some(
    ({ registerBase, assumed }) => assumed === true && toHex(registerBase) === toHex(unit.registerBase),
  );
  const evidence = [
    `${unit.name}: ${inEcap === undefined ? 'CAP' : 'ECAP'}.${name} (bit ${place.first}) is ${value}, of ${raw}`,
  ];
  if (isAssumed) evidence.push(`the registers of ${unit.name} are assumed: the import had none`);
  const remedy = isAssumed ? 'Import the listing of /sys/class/iommu or the kernel log too.' : null;
  return item(code, condition, isAssumed ? null : value !== 0, evidence, remedy);
}

/** An extended capability of the function, or of its physical function where that has it for both. */
export function extendedCapability(
  { device }: Subject,
  code: string,
  name: string,
  id: number,
  find: (fn: KernelDevice['fn']) => { readonly offset: number } | null,
): ReadinessItem {
  const { fn } = device;
  const found = find(fn);
  const condition = `${device.name} has the capability ${name}.`;
  const hexId = `0x${id.toString(16).padStart(4, '0')}`;
  if (found !== null) {
    const offset = `0x${found.offset.toString(16)}`;
    return item(code, condition, true, [`configuration space: capability ${hexId} at offset ${offset}`]);
  }
  // Extended capabilities start at 0x100; a short dump does not reach them.
  const bytes = fn.config.length;
  if (bytes <= 256 && (fn.isPcie || bytes < 256)) {
    const evidence = [`only ${bytes} bytes of configuration space were read`];
    return item(code, condition, null, evidence, 'Read it again as root, with lspci -xxxx.');
  }
  const what = fn.isPcie ? `no extended capability ${hexId}` : 'not a PCI Express function';
  return item(code, condition, false, [`configuration space: ${what}`]);
}
