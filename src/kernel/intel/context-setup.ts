import type { Hpa } from '../../bits/address.js';
import { type U64, ZERO, bit, field } from '../../bits/u64.js';
import { TRANSLATION_TYPE, packContextEntry } from '../../layout/context-entry.js';
import { packRootEntry, packScalableRootEntry } from '../../layout/root-entry.js';
import { packScalableContextEntry } from '../../layout/scalable-context-entry.js';
import type { KernelError } from '../errno.js';
import { dmaAliases } from '../pci/dma-alias.js';
import type { DeviceDomainInfo } from './device-domain-info.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { noTableMemory } from '../table-memory.js';
import { FLPT_DEFAULT_DID } from './domain-ids.js';
import { flushContextCache, flushIotlb, flushPasidCache, flushWriteBuffer } from './flush.js';
import { unsafe } from '../unsafe.js';
import type { IntelUnit } from './unit.js';

/** Requester ids a device's DMA can arrive under, its own first. Linux: pci_for_each_dma_alias(). */
export function sourceIdsOf(state: KernelState, device: KernelDevice): number[] {
  return [...dmaAliases(state.machine.topology, device.fn)].map((alias) => alias.sourceId);
}

/**
 * Address of the context entry of a requester id; null when its table is absent and not to be made.
 * Linux: iommu_context_addr().
 */
export function contextEntryAddress(unit: IntelUnit, sourceId: number, make: boolean): Hpa | null {
  if (unit.rootFrame === null) return null;
  const { memory, frames } = unit.surroundings;
  const devfn = sourceId & 0xff;
  const upper = unit.scalableMode && devfn >= 0x80;
  const slot = unit.rootFrame * 4096 + (sourceId >>> 8) * 16 + (upper ? 8 : 0);
  let pointer = memory.load64(slot);
  if (!bit(pointer, 0)) {
    const frame = make ? frames.allocate() : null;
    if (frame === null) return null;
    memory.clearFrame(frame);
    const table = frame * 4096;
    pointer = unit.scalableMode
      ? packScalableRootEntry({ LP: true, LCTP: table, UP: false, UCTP: 0 })[0]
      : packRootEntry({ P: true, CTP: table })[0];
    memory.store64(slot, pointer);
  }
  const index = unit.scalableMode ? (devfn & 0x7f) * 32 : devfn * 16;
  return field(pointer, 63, 12) * 4096 + index;
}

/**
 * Whether every requester id of a device has a present entry: a neighbour behind the same bridge clears the
 * one they share when it goes. Linux: domain_context_mapped().
 */
export function isContextMapped(state: KernelState, device: KernelDevice, unit: IntelUnit): boolean {
  return sourceIdsOf(state, device).every((sourceId) => {
    const address = contextEntryAddress(unit, sourceId, false);
    return address !== null && bit(state.memory.load64(address), 0);
  });
}

/**
 * Fills the entry of every requester id of a device. An entry already present stays as it is.
 * Linux: domain_context_mapping_one().
 */
export function setUpContext(
  state: KernelState,
  device: KernelDevice,
  info: DeviceDomainInfo,
  did: number,
): void {
  const { unit } = info;
  for (const sourceId of sourceIdsOf(state, device)) {
    const address = contextEntryAddress(unit, sourceId, true);
    if (address === null) {
      throw noTableMemory(state, 'ENOMEM', 'domain_context_mapping_one', 'a context table');
    }
    if (bit(state.memory.load64(address), 0)) continue;
    const words = unit.scalableMode ? scalableEntry(state, info) : legacyEntry(state, info, did);
    words.forEach((word, index) => state.memory.store64(address + index * 8, word));
    if (unit.capabilities.CM) {
      // An absent entry is cached under id 0.
      flushContextCache(unit, 'DEVICE', 0, sourceId);
      flushIotlb(unit, 'DOMAIN', did);
    } else {
      flushWriteBuffer(unit);
    }
  }
}

/** Clears the entry of every requester id of a device. Linux: domain_context_clear_one(). */
export function clearContext(state: KernelState, device: KernelDevice, info: DeviceDomainInfo): void {
  const { unit } = info;
  for (const sourceId of sourceIdsOf(state, device)) {
    const address = contextEntryAddress(unit, sourceId, false);
    if (address === null) continue;
    const did = oldDomainId(state, info, address);
    for (let word = 0; word < (unit.scalableMode ? 4 : 2); word++) {
      state.memory.store64(address + word * 8, ZERO);
    }
    flushContextCache(unit, 'DEVICE', did, sourceId);
    const complete = state.profile.knowsDomainIdOfClearedContext;
    if (complete && unit.scalableMode) flushPasidCache(unit, 'DOMAIN', did);
    flushIotlb(unit, 'DOMAIN', did);
  }
}

/**
 * V5_10 reads the id where a legacy entry has it; in a scalable-mode entry RID_PASID is there, which is 0,
 * so the flush misses the domain.
 */
function oldDomainId(state: KernelState, info: DeviceDomainInfo, address: Hpa): number {
  if (info.unit.scalableMode && state.profile.knowsDomainIdOfClearedContext) {
    if (state.hardwarePassThrough && info.domain.type === 'IDENTITY') return FLPT_DEFAULT_DID;
    return info.domain.domainIds.get(info.unit)!.did;
  }
  return field(state.memory.load64(address + 8), 23, 8);
}

function scalableEntry(state: KernelState, info: DeviceDomainInfo): U64[] {
  const table = info.pasidTable;
  if (table === null) throw withoutTable();
  return packScalableContextEntry({
    P: true,
    DTE: info.atsSupported,
    PASIDE: state.model.pasidTableOutlivesDomain && info.pasidSupported,
    PRE: info.atsSupported && info.priSupported,
    PDTS: table.pdts,
    PASIDDIRPTR: table.directoryAddress,
    RID_PASID: 0,
  });
}

/** Linux: context_get_sm_pds() follows the pointer, after a warning. */
function withoutTable(): KernelError {
  return unsafe(
    'domain_context_mapping_one',
    'the volume management device has no context entry, and this kernel would make one for a device behind it, which has no PASID table.',
    'Attach the group of the volume management device, itself first.',
  );
}

function legacyEntry(state: KernelState, info: DeviceDomainInfo, did: number): U64[] {
  const { domain, unit } = info;
  if (state.hardwarePassThrough && domain.type === 'IDENTITY') {
    const TT = TRANSLATION_TYPE.PASS_THROUGH;
    return packContextEntry({ P: true, TT, SSPTPTR: 0, AW: unit.widestAgaw, DID: did });
  }
  return packContextEntry({
    P: true,
    TT: info.atsSupported ? TRANSLATION_TYPE.DEVICE_TLB : TRANSLATION_TYPE.MULTI_LEVEL,
    SSPTPTR: domain.rootFrame * 4096,
    AW: domain.levels - 2,
    DID: did,
  });
}
