import { type U64, u64, u64FromNumber } from '../../bits/u64.js';
import { PAGE_RESPONSE, packPageGroupResponse } from '../../layout/invalidation/index.js';
import {
  PAGE_REQUEST_BYTES,
  type PageRequestDescriptor,
  parsePageRequest,
} from '../../layout/page-request.js';
import { PAGE_REQUEST_STATUS, REGISTER } from '../../layout/registers.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { faultIn, processOfPasid } from '../sva/fault-in.js';
import type { ProcessMemory } from '../sva/process-memory.js';
import type { IntelUnit } from './unit.js';

const { SUCCESS, INVALID, FAILURE } = PAGE_RESPONSE;

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
 * Reads the queue of a unit and answers: what a process may have at an address is put into its tables, and
 * anything else is refused. Linux: prq_event_thread().
 */
export function handlePageRequests(state: KernelState, unit: IntelUnit): void {
  if (unit.pageRequestFrame === null) return;
  // Cleared first: a request that arrives from now on raises the event again.
  unit.write32(REGISTER.PRS, PAGE_REQUEST_STATUS.PPR);
  const tail = unit.read64(REGISTER.PQT).lo;
  let head = unit.read64(REGISTER.PQH).lo;
  while (head !== tail) {
    const at = unit.pageRequestFrame * 4096 + head;
    handle(state, unit, [state.memory.load64(at), state.memory.load64(at + 8)]);
    head = (head + PAGE_REQUEST_BYTES) % QUEUE_BYTES;
  }
  unit.write64(REGISTER.PQH, u64(0, tail));
  if ((unit.read32(REGISTER.PRS) & PAGE_REQUEST_STATUS.PRO) !== 0) {
    unit.write32(REGISTER.PRS, PAGE_REQUEST_STATUS.PRO);
  }
}

/**
 * The older driver answers each request by itself. The later ones look at its form first, refuse with another
 * code, and hand what a process is behind to the common handler, which keeps the requests of a group until the
 * last and answers them as one. Linux: prq_event_thread(), iommu_queue_iopf(), iopf_handle_group().
 */
function handle(state: KernelState, unit: IntelUnit, words: readonly [U64, U64]): void {
  const request = parsePageRequest(words);
  const { sourceId, pasid, last } = request;
  const both = words.map(digits).join(' ');
  const mm = pasid === null ? null : processOfPasid(state, pasid);
  if (!state.profile.svaTakesPageRequests) {
    if (mm !== null) {
      respond(unit, request, isCanonical(request.pfn) && faultIn(mm, request) ? SUCCESS : INVALID);
      return;
    }
    const what = pasid === null ? 'without PASID' : `for invalid PASID ${pasid}`;
    state.log.print(`${unit.name}: Page request ${what}: ${both}`);
    respond(unit, request, FAILURE);
    return;
  }
  const wrong = formFault(request);
  if (wrong !== null) state.log.print(`IOMMU: ${unit.name}: ${wrong}`);
  // A marker that the device stops wants no answer.
  else if (last && !request.read && !request.write) return;
  const device = bondedDevice(mm, unit, sourceId);
  if (wrong !== null || mm === null || device === null || !device.info!.svaEnabled) {
    state.log.print(`${unit.name}: Invalid page request: ${both}`);
    respond(unit, request, INVALID);
    return;
  }
  const group = [...takePending(device, request), request];
  if (!last) {
    device.pendingPageRequests.push(...group);
    return;
  }
  respond(unit, request, group.every((each) => faultIn(mm, each)) ? SUCCESS : INVALID);
}

/** The device of a requester id that is bound to a process. */
function bondedDevice(mm: ProcessMemory | null, unit: IntelUnit, sourceId: number): KernelDevice | null {
  for (const device of mm?.bonds.keys() ?? [])
    if (device.unit === unit && device.fn.sourceId === sourceId) return device;
  return null;
}

/** What the device asked for before in the same group. */
function takePending({ pendingPageRequests: all }: KernelDevice, { groupIndex }: PageRequestDescriptor) {
  const group = all.filter((each) => each.groupIndex === groupIndex);
  all.splice(0, all.length, ...all.filter((each) => each.groupIndex !== groupIndex));
  return group;
}

/** What the later driver finds wrong with a request by itself, in its order. */
function formFault({ pasid, pfn, privileged, read, write, execute }: PageRequestDescriptor): string | null {
  if (pasid === null) return 'Page request without PASID';
  if (!isCanonical(pfn)) return 'Address is not canonical';
  if (privileged && (read || write)) return 'Page request in Privilege Mode';
  return execute && read ? 'Execution request not supported' : null;
}

/** Only the last request of a group is answered. */
function respond(
  unit: IntelUnit,
  { sourceId, pasid, groupIndex, last }: PageRequestDescriptor,
  code: number,
): void {
  if (!last) return;
  const [low, high] = packPageGroupResponse({ sourceId, pasid, groupIndex, code });
  unit.ring?.submit(unit, [low, u64(high.hi, high.lo | LPIG)]);
}

/** Bits 63:47 of the address are equal. Linux: is_canonical_address(). */
function isCanonical(pfn: number): boolean {
  return pfn < 2 ** 35 || pfn >= 2 ** 52 - 2 ** 35;
}

/** The kernel's `%08llx`. */
function digits({ hi, lo }: U64): string {
  return hi === 0 ? lo.toString(16).padStart(8, '0') : hi.toString(16) + lo.toString(16).padStart(8, '0');
}
