import type { KernelDevice } from '../device/kernel-device.js';
import { KernelError } from '../errno.js';
import { unitMaxPasids } from '../intel/device-pasid-table.js';
import { maxPasids } from '../intel/device-tlb-control.js';
import { FIRST_PASID } from '../intel/pasid-allocator.js';
import { setUpProcessEntry } from '../intel/pasid-entry-setup.js';
import { enablePasids } from '../intel/shared-memory.js';
import { groupOfOne } from '../iommu/group-domain.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { UserMemory, type UserRange, WHOLE_USER_SPACE } from '../vfio/user-memory.js';
import { endBond, endIfUnused } from './end-bonds.js';
import { ProcessMemory } from './process-memory.js';

/**
 * Lets a device use the addresses of a process, under the process's PASID. The first device brings the process;
 * binding a device again only counts. Linux: iommu_sva_bind_device(), intel_svm_bind().
 *
 * @param userMemory what the process has mapped, null for everything; looked at when it is new
 */
export function svaBind(
  state: KernelState,
  device: KernelDevice,
  pid: number,
  userMemory: readonly UserRange[] | null,
): ProcessMemory {
  if (!(device.iommuOps?.functions.includes('sva_bind') ?? false)) {
    const rule = `No operation of the ${device.bus.name} bus binds ${device.name} to a process.`;
    throw refusal('ENODEV', 'iommu_sva_bind_device', rule, { code: 'NO_SVA', subject: device.subject });
  }
  groupOfOne(device, 'iommu_sva_bind_device');
  requireCapable(state, device);
  const known = state.processes.get(pid) ?? null;
  const users = known?.bonds.get(device) ?? 0;
  if (known !== null && users > 0) {
    known.bonds.set(device, users + 1);
    return known;
  }
  if (known !== null) requireReachable(state, device, known);
  // A refusal from here on leaves them enabled.
  if (!state.profile.svaTakesPageRequests) enablePasids(state, device, device.info!);
  const mm = known ?? newProcess(state, device, pid, userMemory);
  try {
    setUpProcessEntry(state, device, mm.pasid, mm.rootFrame);
  } catch (error) {
    endIfUnused(state, mm);
    throw error;
  }
  mm.bonds.set(device, 1);
  state.changed('SVA_BOUND', device.subject);
  return mm;
}

/** Counts one bond less; the last takes the process's tables off the device. Linux: iommu_sva_unbind_device(), intel_svm_unbind(). */
export function svaUnbind(state: KernelState, device: KernelDevice, pid: number): void {
  const mm = state.processes.get(pid);
  const users = mm?.bonds.get(device) ?? 0;
  if (mm === undefined || users === 0) {
    const rule = `${device.name} is not bound to process ${pid}.`;
    throw refusal('EINVAL', 'intel_svm_unbind', rule, { code: 'NOT_BOUND', subject: device.subject });
  }
  if (users > 1) mm.bonds.set(device, users - 1);
  else endBond(state, device, mm);
}

function newProcess(
  state: KernelState,
  device: KernelDevice,
  pid: number,
  userMemory: readonly UserRange[] | null,
): ProcessMemory {
  const last = Math.min(maxPasids(device.fn), unitMaxPasids(state)) - 1;
  const pasid = state.pasids.allocate(FIRST_PASID, last);
  const root = pasid === null ? null : state.frames.allocate();
  if (pasid === null || root === null) {
    if (pasid !== null) state.pasids.free(pasid);
    const rule =
      pasid === null
        ? `No PASID from ${FIRST_PASID} to ${last} is free for ${device.name}.`
        : 'There is no memory for the tables of a process.';
    const first = state.profile.svaTakesPageRequests ? 'ENOMEM' : 'ENOSPC';
    throw refusal(pasid === null ? first : 'ENOMEM', 'intel_svm_bind', rule, {
      code: pasid === null ? 'NO_FREE_PASID' : 'NO_MEMORY',
      subject: device.subject,
    });
  }
  state.frames.release(root);
  const memory = new UserMemory(userMemory ?? [WHOLE_USER_SPACE], state.vfio.frames, null);
  const mm = new ProcessMemory(pid, pasid, memory, state.memory, state.frames);
  state.processes.set(pid, mm);
  return mm;
}

/** The first kernels look at the unit, later ones leave that to the feature, which drivers enable before. */
function requireCapable(state: KernelState, device: KernelDevice): void {
  const { info, name, subject } = device;
  const refuse = (errno: 'EINVAL' | 'ENOTSUPP', code: string, rule: string) =>
    refusal(errno, 'intel_svm_bind', rule, { code, subject });
  if (info === null || device.unit === null)
    throw refuse('EINVAL', 'NO_PRIMARY_DOMAIN', `${name} has no primary domain.`);
  if (!info.unit.sharesMemory) {
    const rule = `${info.unit.name} is not capable of shared virtual memory.`;
    throw refuse(state.profile.svaTakesPageRequests ? 'EINVAL' : 'ENOTSUPP', 'NO_SHARED_MEMORY', rule);
  }
  if (!info.pasidSupported) throw refuse('EINVAL', 'NO_PASID_CAPABILITY', `${name} cannot use PASIDs.`);
}

/** The PASID of a process is one number, which a device with fewer bits cannot send. */
function requireReachable(state: KernelState, device: KernelDevice, { pid, pasid }: ProcessMemory): void {
  if (pasid < maxPasids(device.fn)) return;
  const rule = `${device.name} has no bits for PASID ${pasid} of process ${pid}.`;
  if (!state.profile.svaTakesPageRequests)
    state.log.printFor(device, `Limited PASID width. Cannot use existing PASID ${pasid}`);
  const errno = state.profile.svaTakesPageRequests ? 'EOVERFLOW' : 'ENOSPC';
  throw new KernelError(errno, 'intel_svm_bind', rule, [
    { code: 'PASID_WIDTH', message: rule, subject: device.subject, remedy: 'Bind this device first.' },
  ]);
}
