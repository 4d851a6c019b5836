import { type U64, u64, u64FromNumber } from '../../bits/u64.js';
import { PAGE_RESPONSE, packPageGroupResponse } from '../../layout/invalidation/index.js';
import { PAGE_REQUEST_BYTES, parsePageRequest } from '../../layout/page-request.js';
import { PAGE_REQUEST_STATUS, REGISTER } from '../../layout/registers.js';
import type { KernelState } from '../state.js';
import type { IntelUnit } from './unit.js';

/** Interrupt vector of the first unit's page request event; each further unit takes the next. */
const FIRST_VECTOR = 0x41;
const MESSAGE_ADDRESS = 0xfee01004;
/** One page: 128 requests. Linux: PRQ_ORDER. */
const QUEUE_BYTES = 4096;
/** Last-page flag of a response; newer hardware ignores it, drivers of this time set it. */
const LPIG = 1 << 2;

/** Gives a unit that can take page requests a queue for them. Linux: intel_svm_enable_prq(). */
export function setUpPageRequests(state: KernelState, unit: IntelUnit): void {
  if (!state.options.isOn('CONFIG_INTEL_IOMMU_SVM')) return;
  if (!unit.pasidSupported || !unit.capabilities.PRS) return;
  const frame = state.frames.allocate();
  if (frame === null) return;
  state.memory.clearFrame(frame);
  unit.pageRequestFrame = frame;
  unit.pageRequestVector = FIRST_VECTOR + unit.sequence;
  unit.write32(REGISTER.PEDATA, unit.pageRequestVector);
  unit.write32(REGISTER.PEADDR, MESSAGE_ADDRESS);
  unit.write32(REGISTER.PEUADDR, 0);
  unit.write32(REGISTER.PECTL, 0);
  unit.write64(REGISTER.PQH, u64(0, 0));
  unit.write64(REGISTER.PQT, u64(0, 0));
  unit.write64(REGISTER.PQA, u64FromNumber(frame * 4096));
}

/**
 * Reads the queue of a unit and answers. Processes are not modelled, so no PASID has anybody to ask: every
 * request is refused, and the last of each group gets the response Failure. Linux: prq_event_thread().
 */
export function handlePageRequests(state: KernelState, unit: IntelUnit): void {
  if (unit.pageRequestFrame === null) return;
  // Cleared first: a request that arrives from now on raises the event again.
  unit.write32(REGISTER.PRS, PAGE_REQUEST_STATUS.PPR);
  const tail = unit.read64(REGISTER.PQT).lo;
  let head = unit.read64(REGISTER.PQH).lo;
  while (head !== tail) {
    const at = unit.pageRequestFrame * 4096 + head;
    refuse(state, unit, [state.memory.load64(at), state.memory.load64(at + 8)]);
    head = (head + PAGE_REQUEST_BYTES) % QUEUE_BYTES;
  }
  unit.write64(REGISTER.PQH, u64(0, tail));
  if ((unit.read32(REGISTER.PRS) & PAGE_REQUEST_STATUS.PRO) !== 0) {
    unit.write32(REGISTER.PRS, PAGE_REQUEST_STATUS.PRO);
  }
}

function refuse(state: KernelState, unit: IntelUnit, words: readonly [U64, U64]): void {
  const { sourceId, pasid, groupIndex, last } = parsePageRequest(words);
  const what = pasid === null ? 'without PASID' : `for invalid PASID ${pasid}`;
  state.log.print(`${unit.name}: Page request ${what}: ${words.map(digits).join(' ')}`);
  if (!last) return;
  const [low, high] = packPageGroupResponse({ sourceId, pasid, groupIndex, code: PAGE_RESPONSE.FAILURE });
  unit.ring?.submit(unit, [low, u64(high.hi, high.lo | LPIG)]);
}

/** The kernel's `%08llx`. */
function digits({ hi, lo }: U64): string {
  return hi === 0 ? lo.toString(16).padStart(8, '0') : hi.toString(16) + lo.toString(16).padStart(8, '0');
}
