import { formatPciAddress, pciAddressOf } from '../../bits/pci-address.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { DmaRequest, WalkTrace } from '../../hardware/request.js';
import type { RemappingUnit } from '../../hardware/unit.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Subdevice } from '../../kernel/mdev/subdevice.js';
import { dmaAliases } from '../../kernel/pci/dma-alias.js';
import type { EndpointRef } from '../command.js';
import type { Platform } from '../platform.js';
import type { AddressHistory } from './address-history.js';
import { translatingDomain } from './domain.js';
import type { FaultCase, HeldTranslation, Requester, StaleEntry } from './fault-case.js';
import { interruptStep } from './interrupt-entry.js';
import type { RawWrite } from './raw-writes.js';

/** Cached entries looked at; each costs a walk of the tables. */
const MOST_ENTRIES = 1000;

/** What the surroundings know of a fault beside the fault itself. */
export interface Circumstances {
  /** Who sent the request; null when nobody knows. */
  readonly sender: EndpointRef | null;
  readonly rawWrites: readonly RawWrite[];
  /** Of the page of the fault. */
  readonly history: AddressHistory;
  /** False when the fault is of another machine than this one, or of another time. */
  readonly isWitnessed: boolean;
}

/** Collects the evidence at the instant of a fault. Nothing here changes the platform. */
export function gather(platform: Platform, fault: FaultOccurred, circumstances: Circumstances): FaultCase {
  const unit = platform.hardwareUnit(fault.unit);
  const requester = requesterOf(platform, unit, fault, circumstances.sender);
  const isInterrupt = fault.access === 'INTERRUPT';
  const trace: WalkTrace | null = isInterrupt ? null : unit.trace(requestOf(fault));
  const walk = trace?.steps ?? interruptStep(unit, fault);
  const traced = trace === null ? null : reasonOf(trace);
  return {
    platform,
    fault,
    isWitnessed: circumstances.isWitnessed,
    unit,
    requester,
    walk,
    stoppedAt: traced === 0 ? null : (walk.at(-1) ?? null),
    traced: circumstances.isWitnessed && fault.access !== 'PAGE_REQUEST' ? traced : null,
    domain: translatingDomain(platform, requester, fault.pasid, walk),
    history: circumstances.history,
    rawWrites: circumstances.rawWrites,
    held: heldTranslations(unit, fault),
    stale: circumstances.isWitnessed ? staleEntries(unit, fault) : [],
  };
}

/** The request again, from what its fault tells. Only the offset in the page is lost, and decides nothing. */
function requestOf(fault: FaultOccurred): DmaRequest {
  const { sourceId, pasid, address, access, addressType, privileged } = fault;
  return {
    sourceId,
    pasid,
    address,
    type: access === 'WRITE' || access === 'ATOMIC' ? access : 'READ',
    addressType,
    privileged,
    execute: access === 'EXECUTE',
    noWrite: addressType === 'TRANSLATION_REQUEST' && access === 'READ',
    zeroLength: false,
  };
}

function reasonOf({ result }: WalkTrace): number {
  return result.kind === 'BLOCKED' || result.kind === 'EMPTY' ? result.reason : 0;
}

function requesterOf(
  platform: Platform,
  unit: RemappingUnit,
  { sourceId }: FaultOccurred,
  sender: EndpointRef | null,
): Requester {
  const { kernel, machine } = platform;
  const name = formatPciAddress(pciAddressOf(unit.segment, sourceId));
  const device = kernel.devices.get(name) ?? null;
  const expected = [...kernel.devices.values()].filter(
    (one) =>
      one !== device &&
      one.address.domain === unit.segment &&
      [...dmaAliases(machine.topology, one.fn)].some((alias) => alias.sourceId === sourceId),
  );
  return { sourceId, name, device, expected, sender: endpointOf(platform, sender) };
}

function endpointOf({ kernel }: Platform, ref: EndpointRef | null): KernelDevice | Subdevice | null {
  if (ref === null) return null;
  return (ref.kind === 'Device' ? kernel.devices : kernel.subdevices).get(ref.name) ?? null;
}

function heldTranslations(unit: RemappingUnit, { sourceId }: FaultOccurred): HeldTranslation[] {
  return unit.cacheEntries('DEVICE_TLB', MOST_ENTRIES).flatMap((entry) => {
    const { pasid, address, pageSize, target, stale } = entry;
    if (entry.sourceId !== sourceId || address === null || target === null) return [];
    return [{ pasid, address, pageSize: pageSize ?? 4096, target, stale }];
  });
}

function staleEntries(unit: RemappingUnit, { sourceId }: FaultOccurred): StaleEntry[] {
  return unit
    .cacheEntries(null, MOST_ENTRIES)
    .filter((entry) => entry.stale && entry.sourceId === sourceId && entry.kind !== 'DEVICE_TLB')
    .map(({ kind, address }) => ({ kind, address }));
}
