import { equalU64, orU64, u64, u64FromNumber } from '../../bits/u64.js';
import { PCI_BASE_CLASS_DISPLAY } from '../../layout/pci/class-codes.js';
import { GLOBAL, REGISTER, TRANSLATION_TABLE_MODE } from '../../layout/registers.js';
import { registerBusOps } from '../iommu/register-bus.js';
import { KernelError } from '../errno.js';
import { invalidationLine } from '../log/boot-lines.js';
import { KernelConfigError } from '../profile/config-error.js';
import { siovInit } from '../siov/init.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { makeIdentityDomain } from './domain-alloc.js';
import { flushContextCache, flushIotlb, flushPasidCache, flushWriteBuffer } from './flush.js';
import { IntelIommuOps } from './ops.js';
import { setUpPageRequests } from './page-requests.js';
import { levelPages } from './page-table-reader.js';
import { scopeFunction } from './scope.js';
import { checkSharedMemory } from './shared-memory.js';
import { InvalidationRing } from './submit.js';
import { IntelUnit } from './unit.js';
import { unitSearchOrder } from './unit-lookup.js';

/** Interrupt vector of the first unit's fault event; each further unit takes the next. */
const FIRST_FAULT_VECTOR = 0x21;
/** Message address of the processor that serves fault events. */
const FAULT_MESSAGE_ADDRESS = 0xfee01004;

/** Finds the units of the table, numbered in table order; a unit the machine does not have is passed over. */
export function findUnits(state: KernelState): void {
  const { memory, frames, log } = state;
  const surroundings = { memory, frames, log };
  const known = unitSearchOrder(state.dmar!);
  for (const structure of state.dmar!.structures) {
    if (structure.kind !== 'DRHD' || !known.includes(structure)) continue;
    const registers = state.machine.units.find((each) => equalU64(each.registerBase, structure.registerBase));
    if (registers === undefined) continue;
    const wanted = {
      scalableMode: state.parameters.scalableMode,
      reservesDefaultDomainId: state.profile.reservesDefaultDomainIdAlways,
    };
    state.units.push(new IntelUnit(state.units.length, structure, registers, surroundings, wanted));
  }
}

/**
 * Brings the driver up: which units count, queues, root tables, operations of the buses, translation.
 * Linux: intel_iommu_init(), init_dmars().
 */
export function* intelInit(state: KernelState): Steps<void> {
  for (const unit of state.units) unit.ignored = isIgnored(state, unit);
  state.remapping = true;
  for (const unit of state.activeUnits) {
    setUpQueue(state, unit);
    setUpRoot(unit);
    state.hardwarePassThrough &&= unit.capabilities.PT;
    checkSharedMemory(state, unit);
    yield;
  }
  for (const unit of state.activeUnits) {
    flushWriteBuffer(unit);
    sayNoPasidAllocation(state, unit);
    setRootPointer(state, unit);
  }
  const ops = new IntelIommuOps(state);
  makeIdentityDomain(state, ops);
  if (!state.hardwarePassThrough && state.parameters.passthrough) mapAllMemory(state);
  for (const unit of state.activeUnits) {
    setUpPageRequests(state, unit);
    setUpFaultEvent(unit);
  }
  if (state.activeUnits.some(({ capabilities }) => capabilities.CM)) forbidBatching(state);
  try {
    yield* registerBusOps(state, state.buses.get('pci')!, ops);
  } catch (error) {
    // The result is not looked at: the driver goes on, its bus without operations.
    if (!(error instanceof KernelError)) throw error;
  }
  siovInit(state);
  for (const unit of state.activeUnits) {
    unit.enable(GLOBAL.TE);
    unit.translationEnabled = true;
  }
  state.log.print('DMAR: Intel(R) Virtualization Technology for Directed I/O');
}

/**
 * A unit that caches absences is a virtual one, for which flushing whole domains costs more than it saves.
 * Older kernels say so only where it changes anything. Linux: intel_iommu_init().
 */
function forbidBatching(state: KernelState): void {
  if (state.lazy || state.profile.hasFlushQueueType) state.log.print(state.profile.noBatchingLine);
  state.lazy = false;
}

/** Linux: init_no_remapping_devices(); a unit without address widths is left alone by alloc_iommu(). */
function isIgnored(state: KernelState, unit: IntelUnit): boolean {
  if (unit.agaw < 0) return true;
  if (unit.includeAll) return false;
  const named = unit.scopes.flatMap((scope) => {
    if (scope.kind === 'ACPI_NAMESPACE') return [null];
    return scopeFunction(state.machine.topology, unit.segment, scope) ?? [];
  });
  if (named.length === 0) return true;
  const onlyGraphics = named.every((fn) => fn !== null && fn.classCode >>> 16 === PCI_BASE_CLASS_DISPLAY);
  return onlyGraphics && !state.parameters.mapsGraphics;
}

/** Linux: intel_iommu_init_qi(). */
function setUpQueue(state: KernelState, unit: IntelUnit): void {
  // Interrupt remapping needs the queue too, and came first.
  if (unit.capabilities.QI) unit.ring ??= InvalidationRing.install(unit);
  state.log.print(invalidationLine(unit.name, unit.ring !== null));
}

/** Linux: iommu_alloc_root_entry(). */
function setUpRoot(unit: IntelUnit): void {
  const frame = unit.surroundings.frames.allocate();
  if (frame === null) throw new KernelConfigError('memory', 'too small', 'no frame for a root table.');
  unit.surroundings.memory.clearFrame(frame);
  unit.rootFrame = frame;
}

/**
 * A virtual unit could hand out PASIDs itself, in scalable mode only. Real ones are not asked, so nothing is
 * said of them. Linux: register_pasid_allocator().
 */
function sayNoPasidAllocation(state: KernelState, unit: IntelUnit): void {
  if (!unit.capabilities.CM || state.parameters.scalableMode) return;
  if (state.options.isOn('CONFIG_INTEL_IOMMU_SVM'))
    state.log.print('DMAR: VT-d Scalable Mode not enabled, no PASID allocation');
}

/** Linux: iommu_set_root_entry() and the flushes after it. */
function setRootPointer(state: KernelState, unit: IntelUnit): void {
  const mode = unit.scalableMode ? TRANSLATION_TABLE_MODE.SCALABLE : TRANSLATION_TABLE_MODE.LEGACY;
  unit.write64(REGISTER.RTADDR, orU64(u64FromNumber(unit.rootFrame! * 4096), u64(0, mode << 10)));
  unit.strobe(GLOBAL.SRTP);
  flushContextCache(unit, 'GLOBAL');
  if (state.profile.flushesPasidCacheWithRoot && unit.scalableMode) flushPasidCache(unit, 'GLOBAL');
  flushIotlb(unit, 'GLOBAL');
}

/** Linux: dmar_set_interrupt(). */
function setUpFaultEvent(unit: IntelUnit): void {
  unit.faultVector = FIRST_FAULT_VECTOR + unit.sequence;
  unit.write32(REGISTER.FEDATA, unit.faultVector);
  unit.write32(REGISTER.FEADDR, FAULT_MESSAGE_ADDRESS);
  unit.write32(REGISTER.FEUADDR, 0);
  unit.write32(REGISTER.FECTL, 0);
}

/**
 * Without pass-through in hardware the identity domain maps all memory one to one. The kernel uses small
 * pages for what it knows to be RAM; a machine here says only where memory ends, so the largest pages every
 * unit has are used instead, and a machine without large pages is refused. Linux: si_domain_init().
 */
function mapAllMemory(state: KernelState): void {
  const domain = state.identityDomain!;
  let mask = state.parameters.superpages ? 3 : 0;
  for (const unit of state.activeUnits) mask &= unit.capabilities.SSLPS;
  const levels = 32 - Math.clz32(mask);
  const pages = Math.floor(state.memory.limit / 4096);
  if (pages / levelPages(levels + 1) > 1 << 20) {
    throw new KernelConfigError(
      'iommu',
      'pt',
      'a unit has no pass-through, and its pages are too small to map all memory one to one.',
    );
  }
  const report = { written: [0, 0, 0, 0] as [number, number, number, number], conflicts: [], pages: 0 };
  domain.table.map(0, 0, pages, 3, levels, report);
  domain.highestMappedEnd = pages;
}
