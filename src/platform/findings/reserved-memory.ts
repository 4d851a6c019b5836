import { toHex } from '../../bits/u64.js';
import { isRmrrLocked, reservedMemoryOf } from '../../kernel/intel/rmrr.js';
import type { FindingRule } from './finding.js';

/** Devices firmware reserves memory for. Linux: device_is_rmrr_locked(). */
export const reservedMemory: FindingRule = function* ({ kernel, machine, dmar }) {
  if (dmar === null || !dmar.structures.some(({ kind }) => kind === 'RMRR')) return;
  for (const device of kernel.devices.values()) {
    const ranges = reservedMemoryOf(dmar, machine.topology, device.fn);
    if (ranges.length === 0) continue;
    const list = ranges.map(({ start, last }) => `${toHex(start)}-${toHex(last)}`).join(', ');
    const locked = isRmrrLocked(dmar, machine.topology, device.fn);
    yield {
      code: locked ? 'RMRR_LOCKED' : 'RMRR_RELAXABLE',
      severity: locked ? 'WARNING' : 'INFO',
      message: locked
        ? `Firmware reserves ${list} for ${device.name} (RMRR): it must keep reaching that memory, so no user domain may be attached (EPERM).`
        : `Firmware reserves ${list} for ${device.name} (RMRR), but only until an operating system drives it: USB and display devices may be given to user space all the same.`,
      subject: device.subject,
      remedy: locked ? 'Only the platform vendor can lift this.' : null,
    };
  }
};
