import { FIRST_STAGE } from '../../layout/first-stage.js';
import { SECOND_STAGE } from '../../layout/second-stage.js';
import { dropQueue } from '../dma/flush-queue.js';
import { Domain, type DomainType } from '../iommu/domain.js';
import type { IommuOps } from '../iommu/iommu-ops.js';
import { KernelConfigError } from '../profile/config-error.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { isOutOfTables } from '../table-memory.js';
import { dropAttachment } from './attachments.js';
import { IoPageTable } from './page-table.js';
import { detachPrimary } from './primary.js';

/** A new domain starts with five levels and loses those its units do not walk. */
const INITIAL_LEVELS = 5;
/** XD: execute disable, bit 63. */
const EXECUTE_DISABLE = 0x80000000 | 0;

/**
 * A domain of a type, or null for a type the driver does not make, and when there is no memory for its first table.
 * All identity domains are one. Linux: intel_iommu_domain_alloc().
 */
export function intelDomainAlloc(state: KernelState, ops: IommuOps, type: DomainType): Domain | null {
  if (type === 'IDENTITY') return state.identityDomain;
  if (!ops.domainTypes.includes(type)) return null;
  const domain = newDomain(state, ops, type, usesFirstLevel(state, type));
  if (domain === null) state.log.print('DMAR: Domain initialization failed');
  return domain;
}

/** The shared identity domain, made at boot. Linux: si_domain_init(). */
export function makeIdentityDomain(state: KernelState, ops: IommuOps): void {
  const domain = newDomain(state, ops, 'IDENTITY', false);
  if (domain === null) throw new KernelConfigError('memory', 'too small', 'no frame for an identity domain.');
  state.identityDomain = domain;
}

/** Linux: md_domain_init(). */
function newDomain(state: KernelState, ops: IommuOps, type: DomainType, firstLevel: boolean): Domain | null {
  if (isOutOfTables(state)) return null;
  const tableLow = firstLevel
    ? FIRST_STAGE.PRESENT | FIRST_STAGE.WRITE | FIRST_STAGE.USER
    : SECOND_STAGE.READ | SECOND_STAGE.WRITE;
  const high = firstLevel ? EXECUTE_DISABLE : 0;
  const table = new IoPageTable(state.memory, state.frames, INITIAL_LEVELS, tableLow, high);
  return state.addDomain((number) => new Domain(number, type, ops, ops.pageSizeBitmap, firstLevel, table));
}

/**
 * Whether tables are made in the processor's format. Linux: first_level_by_default().
 *
 * Where every unit has both stages, later kernels give the first to DMA domains and the second to others.
 */
function usesFirstLevel(state: KernelState, type: DomainType): boolean {
  const units = state.activeUnits;
  if (units.length === 0 || !units.every((unit) => unit.scalableMode && unit.capabilities.FSTS)) return false;
  const both = units.every((unit) => unit.capabilities.SSTS);
  return !(state.profile.unmanagedPrefersSecondStage && both && type === 'UNMANAGED');
}

/**
 * Frees a domain: devices whose primary one it is lose it, and its tables go. The identity domain stays.
 * Linux: intel_iommu_domain_free(), domain_exit().
 */
export function* intelDomainFree(state: KernelState, domain: Domain): Steps<void> {
  if (domain === state.identityDomain) return;
  for (const attachment of [...domain.attachments]) {
    if (attachment.kind === 'PRIMARY') detachPrimary(state, attachment.device);
    else if (!attachment.leaked) dropAttachment(state, attachment);
  }
  dropQueue(state, domain);
  yield* domain.table.destroy();
}
