import { KernelError } from '../errno.js';
import type { KernelDevice } from './kernel-device.js';
import type { KernelState } from '../state.js';
import { refusal } from '../refusal.js';
import { addFunction } from './device-add.js';
import { numVfs, removeVirtualFunctions, virtualFunctions } from './driver.js';
import { configuresVirtualFunctions, vfioConfiguresVirtualFunctions } from './sriov-drivers.js';

const MIRRORS = 'sriov_numvfs_store';

/**
 * Sets how many virtual functions a physical one shows: none to some, or some to none. Each new one is
 * probed like a device found by a scan. Linux: sriov_numvfs_store(), sriov_enable(), sriov_disable().
 *
 * @returns the virtual functions it has now, first one first
 */
export function setNumVfs(state: KernelState, device: KernelDevice, count: number): KernelDevice[] {
  requireSettable(state, device, count, numVfs(device));
  if (count === numVfs(device)) return virtualFunctions(state, device);
  if (count === 0) removeVirtualFunctions(state, device);
  else enable(state, device, count);
  return virtualFunctions(state, device);
}

function enable(state: KernelState, device: KernelDevice, count: number): void {
  requireRoom(state, device, count);
  for (const fn of state.machine.showVirtualFunctions(device.fn, count)) addFunction(state, fn);
}

/** What the file refuses, in its order. */
function requireSettable(state: KernelState, device: KernelDevice, count: number, present: number): void {
  const { sriov } = device.fn;
  const { subject } = device;
  if (sriov === null) {
    const rule = `${device.name} has no SR-IOV capability, so it has no such file.`;
    throw refusal('ENOENT', MIRRORS, rule, { code: 'NO_SRIOV', subject });
  }
  if (count > sriov.totalVfs) {
    const rule = `${device.name} has at most ${sriov.totalVfs} virtual functions.`;
    throw refusal('ERANGE', MIRRORS, rule, { code: 'TOO_MANY_VFS', subject });
  }
  if (count === present) return;
  if (device.driver === null || !configuresVirtualFunctions(device.driver)) {
    state.log.printFor(
      device,
      state.profile.noSriovDriverLines[device.driver === null ? 'unbound' : 'bound'],
    );
    const what =
      device.driver === null ? 'has no driver' : `is bound to ${device.driver}, which does not do that`;
    const rule = `${device.name} ${what}: its driver configures virtual functions.`;
    const remedy = 'Bind a driver that does.';
    throw refusal('ENOENT', MIRRORS, rule, { code: 'NO_SRIOV_DRIVER', subject, remedy });
  }
  if (count > 0 && present > 0) {
    state.log.printFor(device, `${present} VFs already enabled. Disable before enabling ${count} VFs`);
    const rule = `${device.name} has ${present} virtual functions, and only all of them can go.`;
    throw refusal('EBUSY', MIRRORS, rule, {
      code: 'VFS_ENABLED',
      subject,
      remedy: 'Set the number to 0 first.',
    });
  }
  if (device.driver === 'vfio-pci' && !vfioConfiguresVirtualFunctions(state.config.commandLine)) {
    const rule = `${device.name} is bound to vfio-pci, which leaves virtual functions as they are.`;
    const remedy = 'Boot with vfio_pci.enable_sriov=1.';
    throw refusal('ENOENT', 'vfio_pci_sriov_configure', rule, { code: 'NO_SRIOV_DRIVER', subject, remedy });
  }
}

/** Routing ids past the buses behind the bridge above are not reached. Linux: sriov_enable(). */
function requireRoom(state: KernelState, device: KernelDevice, count: number): void {
  const { topology } = state.machine;
  const { firstOffset, stride } = device.fn.sriov!;
  const lastBus = (device.fn.sourceId + firstOffset + (count - 1) * stride) >> 8;
  const end = topology.upstreamBridge(device.fn)?.subordinateBus ?? 0xff;
  if (lastBus <= end) return;
  const rule = `The last virtual function would be on bus 0x${lastBus.toString(16)}, beyond 0x${end.toString(16)}.`;
  throw new KernelError('ENOMEM', 'sriov_enable', rule);
}
