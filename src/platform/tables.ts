import { type U64, ZERO, bit, pfnOf } from '../bits/u64.js';
import type { DmaRequest, WalkLevel, WalkStep } from '../hardware/request.js';
import { type PresentPasidEntry, presentPasidEntries } from '../hardware/pasid-table.js';
import type { Domain } from '../kernel/iommu/domain.js';
import type { KernelDevice } from '../kernel/device/kernel-device.js';
import type { Platform } from './platform.js';

const UNTAGGED_READ: Omit<DmaRequest, 'sourceId'> = {
  pasid: null,
  address: ZERO,
  type: 'READ',
  addressType: 'UNTRANSLATED',
  privileged: false,
  execute: false,
  noWrite: false,
  zeroLength: false,
};

/** Whether a device's unit reads scalable-mode tables. Spec: VT-d 11.4.5 "Root Table Address Register", TTM. */
export function usesScalableTables(platform: Platform, device: KernelDevice): boolean {
  return device.unit !== null && platform.hardwareUnit(device.unit.name).rootTable.ttm === 1;
}

/** The context entry a device's requests meet; null when no unit or no context table covers it. */
export function contextEntry(platform: Platform, device: KernelDevice): WalkStep | null {
  if (device.unit === null) return null;
  const sourceId = platform.machine.requesterId(device.fn);
  const { steps } = platform.hardwareUnit(device.unit.name).trace({ ...UNTAGGED_READ, sourceId });
  return steps.find((step) => step.level === 'CONTEXT') ?? null;
}

/** The present PASID entries of a device, in PASID order; none outside scalable mode. */
export function pasidEntries(platform: Platform, device: KernelDevice, limit: number): PresentPasidEntry[] {
  if (!usesScalableTables(platform, device)) return [];
  const context = contextEntry(platform, device);
  return context === null || !context.present
    ? []
    : presentPasidEntries(platform.machine.memory, context.words, limit);
}

/**
 * The entries of a domain's own tables that lead to an address, down to the leaf or the entry that stops
 * the walk; none for a domain without tables. Works on a domain that is attached nowhere.
 */
export function walkDomain(platform: Platform, domain: Domain, iova: U64): WalkStep[] {
  const steps: WalkStep[] = [];
  const { memory } = platform.machine;
  const stage = domain.firstLevel ? 'FL' : 'SL';
  let frame: number | null = domain.rootFrame;
  for (let level = domain.levels; frame !== null && level >= 1; level--) {
    const index = Math.floor(pfnOf(iova) / 2 ** (9 * (level - 1))) % 512;
    const entryAddress: number = frame * 4096 + index * 8;
    const readable: boolean = memory.isReadable(frame);
    const entry: U64 = readable ? memory.load64(entryAddress) : ZERO;
    const present: boolean = domain.firstLevel ? bit(entry, 0) : (entry.lo & 3) !== 0;
    steps.push({
      level: `${stage}${level}` as WalkLevel,
      index,
      entryAddress,
      words: readable ? [entry] : [],
      present,
    });
    const isLeaf = level === 1 || (level <= 3 && bit(entry, 7));
    frame = present && !isLeaf ? (entry.hi & 0xfffff) * 1048576 + (entry.lo >>> 12) : null;
  }
  return steps;
}
