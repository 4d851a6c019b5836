import type { HostFrame, Hpa } from '../../bits/address.js';
import { type U64, ZERO, bit, field } from '../../bits/u64.js';
import {
  PASID_ENTRY_BYTES,
  PASID_TRANSLATION_TYPE,
  type PasidEntryContent,
  packPasidEntry,
} from '../../layout/pasid-entry.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelError } from '../errno.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { noTableMemory } from '../table-memory.js';
import { FLPT_DEFAULT_DID } from './domain-ids.js';
import { flushIotlb, flushPasidCache, flushPasidIotlb, flushWriteBuffer } from './flush.js';
import { flushDeviceTlbOfPasid } from './flush-domain.js';
import type { IntelUnit } from './unit.js';

/**
 * Points a device's PASID at a domain: pass-through for the identity domain where the unit can, else the
 * domain's tables as first or second stage.
 */
export function setUpPasidEntry(
  state: KernelState,
  device: KernelDevice,
  domain: Domain,
  pasid: number,
  did: number,
): void {
  const unit = device.info!.unit;
  if (pasid === 0 && state.hardwarePassThrough && domain.type === 'IDENTITY') {
    writeEntry(state, device, pasid, {
      P: true,
      AW: unit.agaw,
      PGTT: PASID_TRANSLATION_TYPE.PASS_THROUGH,
      DID: FLPT_DEFAULT_DID,
      PWSNP: unit.capabilities.SMPWCS,
      SRE: state.profile.supervisorForUntagged || pasid !== 0,
    });
  } else if (domain.firstLevel) {
    writeEntry(state, device, pasid, firstLevelEntry(state, unit, domain, pasid, did));
  } else {
    writeEntry(state, device, pasid, secondLevelEntry(state, unit, domain, pasid, did));
  }
}

/** Linux: domain_setup_first_level(), intel_pasid_setup_first_level(). */
function firstLevelEntry(
  state: KernelState,
  unit: IntelUnit,
  domain: Domain,
  pasid: number,
  did: number,
): PasidEntryContent {
  const { SRS, FS5LP, SMPWCS } = unit.capabilities;
  const refuse = (rule: string) => unsupported(unit, 'intel_pasid_setup_first_level', rule);
  if (domain.levels !== 4 && domain.levels !== 5) {
    throw refuse(`First-level tables have 4 or 5 levels, domain ${domain.number} has ${domain.levels}.`);
  }
  requireFirstLevel(state, unit);
  const supervisor = pasid !== 0 || state.profile.supervisorForUntagged;
  if (supervisor && !SRS) {
    state.log.print(`DMAR: No supervisor request support on ${unit.name}`);
    throw refuse(`${unit.name} has no supervisor requests, which the driver always asks for.`);
  }
  if (domain.levels === 5 && !FS5LP) throw refuse(`${unit.name} has no 5-level first-level paging.`);
  return {
    P: true,
    AW: unit.agaw,
    PGTT: PASID_TRANSLATION_TYPE.FIRST_STAGE,
    FSPTPTR: domain.rootFrame * 4096,
    FSPM: domain.levels === 5 ? 1 : 0,
    SRE: supervisor,
    DID: did,
    PWSNP: SMPWCS,
  };
}

/** Linux: intel_pasid_setup_second_level(). */
function secondLevelEntry(
  state: KernelState,
  unit: IntelUnit,
  domain: Domain,
  pasid: number,
  did: number,
): PasidEntryContent {
  if (!unit.capabilities.SSTS) {
    state.log.print(`DMAR: No second level translation support on ${unit.name}`);
    const rule = `${unit.name} has no second-level translation.`;
    throw unsupported(unit, 'intel_pasid_setup_second_level', rule);
  }
  return {
    P: true,
    AW: domain.levels - 2,
    PGTT: PASID_TRANSLATION_TYPE.SECOND_STAGE,
    SSPTPTR: domain.rootFrame * 4096,
    DID: did,
    PWSNP: unit.capabilities.SMPWCS,
    SRE: pasid !== 0 || state.profile.supervisorForUntagged,
  };
}

/**
 * Points a device's PASID at the tables of a process. All processes have the id of pass-through entries: the
 * PASID tells them apart. Linux: intel_pasid_setup_first_level() for an mm.
 */
export function setUpProcessEntry(
  state: KernelState,
  device: KernelDevice,
  pasid: number,
  rootFrame: HostFrame,
): void {
  const { unit } = device.info!;
  requireFirstLevel(state, unit);
  writeEntry(state, device, pasid, {
    P: true,
    AW: unit.agaw,
    PGTT: PASID_TRANSLATION_TYPE.FIRST_STAGE,
    FSPTPTR: rootFrame * 4096,
    FSPM: 0,
    SRE: false,
    DID: FLPT_DEFAULT_DID,
    PWSNP: unit.capabilities.SMPWCS,
  });
}

function requireFirstLevel(state: KernelState, unit: IntelUnit): void {
  if (unit.capabilities.FSTS) return;
  state.log.print(`DMAR: No first level translation support on ${unit.name}`);
  const rule = `${unit.name} has no first-level translation.`;
  throw unsupported(unit, 'intel_pasid_setup_first_level', rule);
}

function unsupported(unit: IntelUnit, mirrors: string, rule: string): KernelError {
  return refusal('EINVAL', mirrors, rule, {
    code: 'STAGE_UNSUPPORTED',
    subject: { kind: 'IommuUnit', name: unit.name },
  });
}

function writeEntry(
  state: KernelState,
  device: KernelDevice,
  pasid: number,
  content: PasidEntryContent,
): void {
  const unit = device.info!.unit;
  const table = device.info!.pasidTable ?? null;
  const address = table?.entryAddress(pasid) ?? null;
  if (address === null) {
    state.log.printFor(device, `Failed to get pasid entry of PASID ${pasid}`);
    if (table !== null && pasid < table.capacity)
      throw noTableMemory(state, 'ENODEV', 'intel_pasid_get_entry', 'a page of the PASID table');
    const rule = `The PASID table of ${device.name} has no entry for PASID ${pasid}.`;
    throw refusal('ENODEV', 'intel_pasid_get_entry', rule, {
      code: 'PASID_BEYOND_TABLE',
      subject: device.subject,
    });
  }
  store(state, address, packPasidEntry(content));
  if (unit.capabilities.CM) {
    flushPasidCache(unit, 'PASID', content.DID, pasid);
    flushPasidIotlb(unit, content.DID, pasid);
  } else {
    flushWriteBuffer(unit);
  }
}

/**
 * Clears an entry and everything cached of it: PASID cache, then IOTLB, then the device's own TLB.
 * Linux: intel_pasid_tear_down_entry().
 */
export function tearDownPasidEntry(state: KernelState, device: KernelDevice, pasid: number): void {
  const unit = device.unit!;
  const table = device.info?.pasidTable ?? device.keptPasidTable;
  const address = table?.entryAddress(pasid) ?? null;
  if (address === null) return;
  const entry = state.memory.load64(address);
  const did = field(state.memory.load64(address + 8), 15, 0);
  // The later rule leaves an entry alone that is not there; the older flushes for it all the same.
  if (state.profile.tearsDownSecondStageByDomain && !bit(entry, 0)) return;
  const isSecondStage = field(entry, 8, 6) === PASID_TRANSLATION_TYPE.SECOND_STAGE;
  store(state, address, new Array<U64>(PASID_ENTRY_BYTES / 8).fill(ZERO));
  flushPasidCache(unit, 'PASID', did, pasid);
  if (state.profile.tearsDownSecondStageByDomain && isSecondStage) flushIotlb(unit, 'DOMAIN', did);
  else flushPasidIotlb(unit, did, pasid);
  if (!unit.capabilities.CM) flushDeviceTlbOfPasid(unit, device, pasid);
}

function store(state: KernelState, address: Hpa, words: readonly U64[]): void {
  words.forEach((word, index) => state.memory.store64(address + index * 8, word));
}
