import { toHexDigits } from '../../bits/u64.js';
import { FAULT_REQUEST_TYPE, parseFaultRecord } from '../../layout/fault-record.js';
import { FAULT_STATUS, REGISTER, faultRecordRegister } from '../../layout/registers.js';
import { faultLine } from '../log/fault-lines.js';
import type { KernelState } from '../state.js';
import type { IntelUnit } from './unit.js';

/** The page request overflow flag of older parts, cleared with the rest. */
const PRO = 0x80;

/**
 * Reads and clears the fault records of a unit, and prints what the rate limit lets through. A record the
 * limit refuses is cleared unread. A token goes to the header line and to every look at a record, the last,
 * empty one included. Linux: dmar_fault().
 */
export function handleFaults(state: KernelState, unit: IntelUnit): void {
  const mayPrint = () => state.faultLimit.allows(state.now, (text) => state.log.print(text));
  const status = unit.read32(REGISTER.FSTS);
  if (status !== 0 && mayPrint())
    state.log.print(`DMAR: DRHD: handling fault status reg ${status.toString(16)}`);
  if ((status & FAULT_STATUS.PPF) === 0) return;
  const { faultRecords } = unit.capabilities;
  let index = (status >>> 8) & 0xff;
  for (;;) {
    const printed = mayPrint();
    const record = faultRecordRegister(unit.capabilities, index);
    const isSet = unit.read32(record + 12) >>> 31 === 1;
    if (!isSet) break;
    const line = printed ? lineOf(state, unit, record) : null;
    unit.write32(record + 12, 0x80000000);
    if (line !== null) state.log.print(line, { unit: unit.name, index });
    index = (index + 1) % faultRecords;
  }
  unit.write32(REGISTER.FSTS, FAULT_STATUS.PFO | FAULT_STATUS.PPF | PRO);
}

function lineOf(state: KernelState, unit: IntelUnit, record: number): string {
  const fault = parseFaultRecord([unit.read64(record), unit.read64(record + 8)]);
  return faultLine(state.profile.faultLines, {
    reason: fault.FR,
    // The driver looks at the high bit of the type only: an AtomicOp counts as a read.
    isRead: fault.T === FAULT_REQUEST_TYPE.READ || fault.T === FAULT_REQUEST_TYPE.ATOMIC,
    pasid: fault.PP ? fault.PV : null,
    sourceId: fault.SID,
    address: toHexDigits(fault.FI),
    index: fault.FI.hi >>> 16,
  });
}
