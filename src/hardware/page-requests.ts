import type { Iova } from '../bits/address.js';
import { ZERO, pfnOf, u64ToNumber } from '../bits/u64.js';
import type { UnitCapabilities } from '../layout/capability.js';
import { PAGE_REQUEST_BYTES, packPageRequest } from '../layout/page-request.js';
import { PASID_TRANSLATION_TYPE } from '../layout/pasid-entry.js';
import { PAGE_REQUEST_STATUS, REGISTER } from '../layout/registers.js';
import type { HostMemory } from '../memory/host-memory.js';
import type { TranslationCaches } from './caches/translation-caches.js';
import type { PageRequestArrived } from './events.js';
import type { RegisterFile } from './register-file.js';
import type { PageAdmission } from './translate/translate.js';

/** A device asks for a page to be made present. Spec: VT-d 7.4 "Page Request"; PCI Express "Page Request Interface". */
export interface PageRequest {
  readonly sourceId: number;
  /** Null for a request without PASID. */
  readonly pasid: number | null;
  readonly address: Iova;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  /** LPIG: the group ends here and wants an answer. */
  readonly last: boolean;
  readonly groupIndex: number;
}

/** Put into the queue, answered by the unit itself, or lost. */
export type PageRequestOutcome = PageRequestArrived['outcome'];

/** What taking a page request needs of the unit. */
export interface PageRequestHost {
  readonly name: string;
  readonly capabilities: UnitCapabilities;
  readonly registers: RegisterFile;
  readonly memory: HostMemory;
  readonly hostAddressWidth: number;
  readonly caches: TranslationCaches;
  emit(event: PageRequestArrived): void;
  /** Looks the request up in the tables; a refusal is recorded as a fault. */
  admitPageRequest(request: PageRequest): PageAdmission;
  /** Sets a bit of PRS; the first raises the page request event. */
  pageRequestCondition(bit: number): void;
}

/**
 * Takes a page request. One that cannot be queued is answered by the unit if it ends its group: Invalid
 * Request when the tables refuse it, Success when only the queue is full, since the device may ask again.
 * Spec: VT-d 7.4.1 "Page Request Handling".
 */
export function acceptPageRequest(host: PageRequestHost, request: PageRequest): PageRequestOutcome {
  const outcome = outcomeOf(host, request);
  const { sourceId, pasid, address, read, write, last, groupIndex } = request;
  host.emit({
    type: 'PAGE_REQUEST',
    unit: host.name,
    sourceId,
    pasid,
    address,
    read,
    write,
    last,
    groupIndex,
    outcome,
  });
  return outcome;
}

function outcomeOf(host: PageRequestHost, request: PageRequest): PageRequestOutcome {
  const { registers } = host;
  // A stop marker ends a stream of requests and wants no answer.
  const wantsAnswer = request.last && (request.read || request.write);
  const invalid = wantsAnswer ? 'ANSWERED_INVALID' : 'DROPPED';
  const base = queueBase(host);
  if (!host.capabilities.PRS || base === 0 || (request.execute && !request.read)) return invalid;
  const admission = host.admitPageRequest(request);
  if (!admission.admitted) return invalid;

  const busy = wantsAnswer ? 'ANSWERED_SUCCESS' : 'DROPPED';
  if ((registers.load(REGISTER.PRS) & PAGE_REQUEST_STATUS.PRO) !== 0) return busy;
  const tail = registers.load(REGISTER.PQT);
  const next = (tail + PAGE_REQUEST_BYTES) % (4096 << (registers.load(REGISTER.PQA) & 7));
  if (next === registers.load(REGISTER.PQH)) {
    host.pageRequestCondition(PAGE_REQUEST_STATUS.PRO);
    return busy;
  }
  dropTranslation(host.caches, admission, pfnOf(request.address));
  const [low, high] = packPageRequest({ ...request, pfn: pfnOf(request.address) });
  [low, high, ZERO, ZERO].forEach((word, index) => host.memory.store64(base + tail + 8 * index, word));
  registers.store(REGISTER.PQT, next);
  host.pageRequestCondition(PAGE_REQUEST_STATUS.PPR);
  return 'QUEUED';
}

/** Spec: the unit forgets what it knows of a page before it hands out a request for it. */
function dropTranslation(
  caches: TranslationCaches,
  { type, domainId, pasid }: Extract<PageAdmission, { admitted: true }>,
  pfn: number,
): void {
  for (const cache of [caches.iotlb, caches.pagingStructure]) {
    switch (type) {
      case PASID_TRANSLATION_TYPE.FIRST_STAGE:
        cache.invalidatePasidPages(domainId, pasid, pfn, 0, false);
        break;
      case PASID_TRANSLATION_TYPE.NESTED:
        cache.invalidateDomain(domainId);
        break;
      default:
        cache.invalidatePages(domainId, pfn, 0, false);
    }
  }
}

/** 0 while no queue is set up. */
function queueBase(host: PageRequestHost): number {
  const { hi, lo } = host.registers.load64(REGISTER.PQA);
  return u64ToNumber({ hi, lo: (lo & ~0xfff) >>> 0 }) % 2 ** host.hostAddressWidth;
}
