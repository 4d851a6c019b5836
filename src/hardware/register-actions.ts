import { PAGE_REQUEST_STATUS, REGISTER, faultRecordRegister, iotlbRegisters } from '../layout/registers.js';
import { runGlobalCommand } from './global-command.js';
import type { InvalidationQueue } from './invalidation-queue.js';
import { runContextCommand, runIotlbCommand } from './register-invalidation.js';
import type { UnitCore } from './unit-core.js';

/**
 * What a unit does after software wrote the 32 bits at an offset. The command bits of CCMD and IOTLB are in
 * their upper halves, so it is the write of that half that starts them.
 */
export function actOnWrite(core: UnitCore, queue: InvalidationQueue, offset: number): void {
  const { registers, capabilities: c, faults } = core;
  switch (offset) {
    case REGISTER.GCMD: {
      const command = registers.load(REGISTER.GCMD);
      registers.store(REGISTER.GCMD, 0);
      runGlobalCommand(core, queue, command);
      return;
    }
    case REGISTER.CCMD + 4:
      runContextCommand(core);
      return;
    case REGISTER.FSTS:
      faults.afterWrite(REGISTER.FSTS);
      // Clearing IQE or ITE lets the queue fetch again from where it stands.
      if (core.isQueueEnabled) queue.run();
      return;
    case REGISTER.FECTL:
      faults.afterWrite(REGISTER.FECTL);
      return;
    case REGISTER.PMEN:
      // Protection is on as soon as it is asked for.
      if (c.PLMR || c.PHMR)
        registers.store(REGISTER.PMEN, registers.load(REGISTER.PMEN) >>> 31 ? 0x80000001 : 0);
      return;
    case REGISTER.IQT:
      if (c.QI && core.isQueueEnabled) queue.run();
      return;
    case REGISTER.IECTL:
      if (c.QI) core.invalidationEvent.sendIfUnmasked();
      return;
    case REGISTER.ICS:
      if (c.QI && registers.load(REGISTER.ICS) === 0) core.invalidationEvent.withdraw();
      return;
    case REGISTER.PECTL:
      if (c.PRS) core.pageRequestEvent.sendIfUnmasked();
      return;
    case REGISTER.PRS:
      if (c.PRS && (registers.load(REGISTER.PRS) & PENDING) === 0) core.pageRequestEvent.withdraw();
      return;
    default:
      if (offset === iotlbRegisters(c).IOTLB + 4) runIotlbCommand(core);
      else if (isEndOfFaultRecord(core, offset)) faults.afterWrite(offset);
  }
}

const PENDING = PAGE_REQUEST_STATUS.PPR | PAGE_REQUEST_STATUS.PRO;
const FAULT_RECORD_BYTES = 16;

/** F, which software clears, is in the last of a record's four words. */
function isEndOfFaultRecord({ capabilities }: UnitCore, offset: number): boolean {
  const beyondFirst = offset - (faultRecordRegister(capabilities, 0) + 12);
  return (
    beyondFirst >= 0 &&
    beyondFirst % FAULT_RECORD_BYTES === 0 &&
    beyondFirst < capabilities.faultRecords * FAULT_RECORD_BYTES
  );
}
