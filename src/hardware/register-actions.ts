import {
  GLOBAL,
  PAGE_REQUEST_STATUS,
  REGISTER,
  faultRecordRegister,
  iotlbRegisters,
} from '../layout/registers.js';
import { runGlobalCommand } from './global-command.js';
import type { InvalidationQueue } from './invalidation-queue.js';
import { runContextCommand, runIotlbCommand } from './register-invalidation.js';
import type { UnitCore } from './unit-core.js';

/**
 * What a unit does after software wrote the 32 bits at an offset. The command bits of CCMD and IOTLB are in
 * their upper halves, so it is the write of that half that starts them.
 */
export function registerActions(core: UnitCore, queue: InvalidationQueue): ReadonlyMap<number, () => void> {
  const { registers, capabilities: c, faults } = core;
  const runQueue = () => {
    if ((registers.load(REGISTER.GSTS) & GLOBAL.QIE) !== 0) queue.run();
  };
  const actions = new Map<number, () => void>([
    [
      REGISTER.GCMD,
      () => {
        const command = registers.load(REGISTER.GCMD);
        registers.store(REGISTER.GCMD, 0);
        runGlobalCommand(core, queue, command);
      },
    ],
    [REGISTER.CCMD + 4, () => runContextCommand(core)],
    [iotlbRegisters(c).IOTLB + 4, () => runIotlbCommand(core)],
    [
      REGISTER.FSTS,
      () => {
        faults.afterWrite(REGISTER.FSTS);
        // Clearing IQE or ITE lets the queue fetch again from where it stands.
        runQueue();
      },
    ],
    [REGISTER.FECTL, () => faults.afterWrite(REGISTER.FECTL)],
  ]);
  for (let index = 0; index < c.faultRecords; index++) {
    const offset = faultRecordRegister(c, index) + 12;
    actions.set(offset, () => faults.afterWrite(offset));
  }
  if (c.PLMR || c.PHMR) {
    // Protection is on as soon as it is asked for.
    actions.set(REGISTER.PMEN, () =>
      registers.store(REGISTER.PMEN, registers.load(REGISTER.PMEN) >>> 31 ? 0x80000001 : 0),
    );
  }
  if (c.QI) {
    actions.set(REGISTER.IQT, runQueue);
    actions.set(REGISTER.IECTL, () => core.invalidationEvent.sendIfUnmasked());
    actions.set(REGISTER.ICS, () => {
      if (registers.load(REGISTER.ICS) === 0) core.invalidationEvent.withdraw();
    });
  }
  if (c.PRS) {
    const pending = PAGE_REQUEST_STATUS.PPR | PAGE_REQUEST_STATUS.PRO;
    actions.set(REGISTER.PECTL, () => core.pageRequestEvent.sendIfUnmasked());
    actions.set(REGISTER.PRS, () => {
      if ((registers.load(REGISTER.PRS) & pending) === 0) core.pageRequestEvent.withdraw();
    });
  }
  return actions;
}
