import { field, u64ToNumber } from '../bits/u64.js';
import { GLOBAL, REGISTER } from '../layout/registers.js';
import type { InvalidationQueue } from './invalidation-queue.js';
import type { UnitCore } from './unit-core.js';

/**
 * GCMD was written. Software changes one bit at a time; when several come at once they act in this order.
 * Spec: VT-d 11.4.4.1 "Global Command Register".
 */
export function runGlobalCommand(core: UnitCore, queue: InvalidationQueue, command: number): void {
  const { registers, capabilities: c } = core;
  const level = (bit: number) => ((command ^ registers.load(REGISTER.GSTS)) & bit) !== 0;
  if (level(GLOBAL.TE)) setTranslation(core, (command & GLOBAL.TE) !== 0);
  if ((command & GLOBAL.SRTP) !== 0) latchRootTable(core);
  if (c.QI && level(GLOBAL.QIE)) setQueue(core, queue, (command & GLOBAL.QIE) !== 0);
  if (c.IR) {
    if ((command & GLOBAL.SIRTP) !== 0) latchInterruptTable(core);
    if (level(GLOBAL.IRE)) setStatus(core, GLOBAL.IRE, (command & GLOBAL.IRE) !== 0);
    setStatus(core, GLOBAL.CFI, (command & GLOBAL.CFI) !== 0);
  }
  // WBF: writes reach memory at once here, so WBFS is back at 0 before anyone can read it.
  if ((registers.load(REGISTER.GSTS) & (GLOBAL.TE | GLOBAL.IRE)) === 0) core.faults.restart();
}

function setStatus(core: UnitCore, bit: number, on: boolean): void {
  if (on) core.registers.setBits(REGISTER.GSTS, bit);
  else core.registers.clearBits(REGISTER.GSTS, bit);
}

function setTranslation(core: UnitCore, on: boolean): void {
  setStatus(core, GLOBAL.TE, on);
  core.translationEnabled = on;
  core.caches.routes.forget();
  // Spec: a unit with scalable mode drops its remapping caches as part of disabling.
  if (!on && core.capabilities.SMTS) core.caches.invalidateAll();
}

/** RTADDR takes effect here and nowhere else. What is cached stays, unless ESRTPS says otherwise. */
function latchRootTable(core: UnitCore): void {
  const register = core.registers.load64(REGISTER.RTADDR);
  core.rootTable = {
    address: tableAddress(core, u64ToNumber({ hi: register.hi, lo: (register.lo & ~0xfff) >>> 0 })),
    ttm: field(register, 11, 10),
    ssirwe: field(register, 7, 7) === 1,
  };
  core.caches.routes.forget();
  if (core.capabilities.ESRTPS) core.caches.invalidateAll();
  setStatus(core, GLOBAL.SRTP, true);
}

function latchInterruptTable(core: UnitCore): void {
  const register = core.registers.load64(REGISTER.IRTA);
  core.interruptTable = {
    base: tableAddress(core, u64ToNumber({ hi: register.hi, lo: (register.lo & ~0xfff) >>> 0 })),
    entries: 2 ** (field(register, 3, 0) + 1),
    extended: field(register, 11, 11) === 1,
  };
  if (core.capabilities.ESIRTPS) core.interruptEntries.invalidateAll();
  setStatus(core, GLOBAL.SIRTP, true);
}

function setQueue(core: UnitCore, queue: InvalidationQueue, on: boolean): void {
  setStatus(core, GLOBAL.QIE, on);
  if (!on) {
    queue.disable();
    return;
  }
  queue.enable();
  // A tail left from before is work to do at once.
  queue.run();
}

function tableAddress(core: UnitCore, address: number): number {
  return address % 2 ** core.hostAddressWidth;
}
