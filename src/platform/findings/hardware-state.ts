import { pciAddressOf, formatPciAddress } from '../../bits/pci-address.js';
import { field, toHex } from '../../bits/u64.js';
import type { RemappingUnit } from '../../hardware/unit.js';
import { FAULT_STATUS, REGISTER } from '../../layout/registers.js';
import type { KernelSubject } from '../../kernel/errno.js';
import type { Finding, FindingRule } from './finding.js';

/** Cached entries looked at in each unit; each costs a walk of the tables. */
const MOST_ENTRIES = 1000;

/** What a unit shows right now: fault records, a queue that stands still, device-TLBs that are behind. */
export const hardwareState: FindingRule = function* ({ kernel, machine }) {
  for (const unit of machine.units) {
    const subject: KernelSubject | null = kernel.units.some(({ name }) => name === unit.name)
      ? { kind: 'IommuUnit', name: unit.name }
      : null;
    yield* pendingFaults(unit, subject);
    yield* stuckQueue(unit, subject);
    for (const [sourceId, stale] of staleDeviceTlbs(unit)) {
      const name = formatPciAddress(pciAddressOf(unit.segment, sourceId));
      const isKnown = kernel.devices.has(name);
      yield {
        code: 'STALE_DEVICE_TLB',
        severity: 'ERROR',
        message: `${name} still holds ${stale.count === 1 ? 'a translation' : `${stale.count} translations`} its tables no longer give, the first for ${stale.first}: it can reach memory that was taken from it, and ${unit.name} does not look.`,
        subject: isKnown ? { kind: 'Device', name } : subject,
        remedy: `Invalidate the device-TLB of ${name}, or reset it.`,
      };
    }
  }
};

function* pendingFaults(unit: RemappingUnit, subject: KernelSubject | null): Generator<Finding> {
  for (const { index, low, high } of unit.faultRecords()) {
    if (high.hi >>> 31 === 0) continue;
    const sender = formatPciAddress(pciAddressOf(unit.segment, field(high, 15, 0)));
    yield {
      code: 'FAULT_PENDING',
      severity: 'WARNING',
      message: `Fault record ${index} of ${unit.name} waits to be read: reason 0x${field(high, 39, 32).toString(16).padStart(2, '0')}, request of ${sender} to ${toHex(low)}. While it is there, further faults of the same kind may be lost.`,
      subject,
      remedy: 'Unmask the fault event, or clear the record by writing its F bit.',
    };
  }
  if ((unit.readRegister(REGISTER.FSTS, 4).lo & FAULT_STATUS.PFO) === 0) return;
  yield {
    code: 'FAULT_OVERFLOW',
    severity: 'WARNING',
    message: `${unit.name} lost at least one fault: its records were full.`,
    subject,
    remedy: 'Clear FSTS.PFO after reading the records.',
  };
}

function* stuckQueue(unit: RemappingUnit, subject: KernelSubject | null): Generator<Finding> {
  const status = unit.readRegister(REGISTER.FSTS, 4).lo;
  const errors = (['IQE', 'ITE', 'ICE'] as const).filter((name) => (status & FAULT_STATUS[name]) !== 0);
  if (errors.length === 0) return;
  yield {
    code: 'INVALIDATION_QUEUE_ERROR',
    severity: 'ERROR',
    message: `The invalidation queue of ${unit.name} reports ${errors.join(', ')}: it takes no further descriptor until software clears that, so stale translations stay.`,
    subject,
    remedy: `Write ${errors.join(', ')} of FSTS back.`,
  };
}

function staleDeviceTlbs(unit: RemappingUnit): Map<number, { count: number; readonly first: string }> {
  const found = new Map<number, { count: number; readonly first: string }>();
  for (const { sourceId, stale, address } of unit.cacheEntries('DEVICE_TLB', MOST_ENTRIES)) {
    if (!stale) continue;
    const known = found.get(sourceId);
    if (known === undefined)
      found.set(sourceId, { count: 1, first: address === null ? '?' : toHex(address) });
    else known.count++;
  }
  return found;
}
