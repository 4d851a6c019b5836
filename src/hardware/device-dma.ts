import type { Iova } from '../bits/address.js';
import { type U64, addU64, pageOffsetOf, pfnOf, u64FromNumber, u64ToNumber } from '../bits/u64.js';
import { isInterruptAddress } from '../layout/remappable-message.js';
import type { HostMemory } from '../memory/host-memory.js';
import type { DeviceTlb } from './caches/device-tlb.js';
import type {
  AddressType,
  Blocked,
  Completion,
  DmaRequest,
  Translated,
  TranslationResult,
} from './request.js';
import type { RemappingUnit } from './unit.js';

/** A run of bytes a device wants to read or write. */
export interface DeviceAccess {
  /** Null for requests without PASID. */
  readonly pasid: number | null;
  readonly address: Iova;
  /** Bytes; 0 is a zero-length read. */
  readonly size: number;
  readonly access: 'READ' | 'WRITE';
  /** A read that asks to execute. Meaningful only with a PASID. */
  readonly execute?: boolean;
  readonly privileged?: boolean;
  /** Bytes to write; zeros where there are too few. */
  readonly data?: Uint8Array;
  readonly addressType: DeviceAddressType;
}

/**
 * The AT field a device puts on its requests, or DEVICE_TLB for what a device with ATS does by itself: it
 * asks for a translation, keeps it, and sends translated requests. Without ATS that is UNTRANSLATED.
 */
export type DeviceAddressType = AddressType | 'DEVICE_TLB';

/** A piece of it that went through. */
export interface DmaSegment {
  readonly address: U64;
  readonly physical: number;
  readonly size: number;
  /** Answered from a cache, the unit's or the device's own. */
  readonly cached: boolean;
}

export interface DmaResult {
  readonly segments: readonly DmaSegment[];
  /** The first piece that did not; nothing after it was tried. */
  readonly blocked: (Blocked & { readonly address: U64 }) | null;
  /** Bytes read; null for a write, and when a piece was blocked. */
  readonly data: Uint8Array | null;
  readonly completion: Completion;
}

/** Where a device's requests go. */
export interface DmaPath {
  readonly memory: HostMemory;
  /** Null when no unit is in the way. */
  readonly unit: RemappingUnit | null;
  readonly sourceId: number;
  /** The device's own cache; null unless ATS is enabled. */
  readonly deviceTlb: DeviceTlb | null;
}

type PieceResult = { readonly segment: DmaSegment | null } | { readonly blocked: Blocked };

/**
 * One device access, cut at page boundaries as PCIe cuts it, piece after piece until one is refused. What
 * was written before that stays written.
 */
export function performDeviceDma(path: DmaPath, access: DeviceAccess): DmaResult {
  const segments: DmaSegment[] = [];
  const moves = access.addressType !== 'TRANSLATION_REQUEST';
  const bytes = new Uint8Array(access.size);
  if (access.access === 'WRITE' && access.data) bytes.set(access.data.subarray(0, access.size));
  let completion: Completion = 'SUCCESS';
  let done = 0;
  do {
    const address = addU64(access.address, u64FromNumber(done));
    const size = Math.min(4096 - pageOffsetOf(address), access.size - done);
    const piece = bytes.subarray(done, done + size);
    const result = performPiece(path, access, address, piece);
    if ('blocked' in result) {
      const blocked = { ...result.blocked, address };
      return { segments, blocked, data: null, completion: blocked.completion };
    }
    if (result.segment !== null) {
      segments.push(result.segment);
      if (moves && !moveBytes(path.memory, access.access, result.segment.physical, piece)) {
        completion = 'UNSUPPORTED_REQUEST';
      }
    }
    done += size;
  } while (done < access.size);
  return { segments, blocked: null, data: moves && access.access === 'READ' ? bytes : null, completion };
}

function performPiece(path: DmaPath, access: DeviceAccess, address: U64, piece: Uint8Array): PieceResult {
  const { unit, deviceTlb } = path;
  const size = piece.length;
  if (unit === null) return { segment: { address, physical: u64ToNumber(address), size, cached: false } };
  const request = requestFor(path, access, address);
  const usesOwnCache = access.addressType === 'DEVICE_TLB' && deviceTlb !== null;
  if (usesOwnCache && !(access.pasid === null && isInterruptAddress(address))) {
    const own = throughDeviceTlb(unit, deviceTlb, request);
    if (own !== null) return finish({ ...own.result, cached: own.cached }, address, size);
  }
  const result = unit.translate(request);
  if (result.kind === 'INTERRUPT') return interrupt(unit, path.sourceId, address, piece);
  if (result.kind === 'TRANSLATED' && deviceTlb !== null && access.addressType === 'TRANSLATION_REQUEST') {
    remember(deviceTlb, request, result);
  }
  return finish(result, address, size);
}

function finish(
  result: TranslationResult | (Blocked & { cached: boolean }),
  address: U64,
  size: number,
): PieceResult {
  switch (result.kind) {
    case 'TRANSLATED':
      return { segment: { address, physical: result.physical, size, cached: result.cached } };
    case 'BLOCKED':
      return { blocked: result };
    case 'EMPTY': {
      const { reason, recorded, level } = result;
      return { blocked: { kind: 'BLOCKED', reason, completion: 'SUCCESS', recorded, level } };
    }
    case 'INTERRUPT':
      return { segment: null };
  }
}

/**
 * What a device with ATS does: it looks in its own cache, asks for a translation on a miss, and sends the
 * access as a translated request. Without the permission it needs it sends the access untranslated, and
 * the unit refuses and records that; null stands for this case.
 */
function throughDeviceTlb(
  unit: RemappingUnit,
  tlb: DeviceTlb,
  request: DmaRequest,
): { readonly result: Translated | Blocked; readonly cached: boolean } | null {
  const pfn = pfnOf(request.address);
  const hit = tlb.lookup(request.pasid, pfn);
  let physical: number;
  const isHit = hit !== null && grants(hit, request);
  if (isHit) {
    physical = (hit.targetPfn + (pfn - hit.pfn)) * 4096 + pageOffsetOf(request.address);
  } else {
    const noWrite = request.type === 'READ';
    const answer = unit.translate({ ...request, noWrite, addressType: 'TRANSLATION_REQUEST' });
    if (answer.kind === 'BLOCKED') return { result: answer, cached: false };
    if (answer.kind !== 'TRANSLATED') return null;
    remember(tlb, request, answer);
    if (!grants(answer.access, request)) return null;
    physical = answer.physical;
  }
  // A translated request carries a PASID only where the context entry allows it (EPTR), so it has none.
  const sent = unit.translate({
    ...request,
    pasid: null,
    privileged: false,
    execute: false,
    address: u64FromNumber(physical),
    addressType: 'TRANSLATED',
  });
  if (sent.kind === 'BLOCKED' || sent.kind === 'TRANSLATED') return { result: sent, cached: isHit };
  return null;
}

function grants(
  access: Pick<Translated['access'], 'read' | 'write' | 'execute'>,
  request: DmaRequest,
): boolean {
  if (request.type === 'WRITE') return access.write;
  return access.read && (!request.execute || access.execute);
}

function remember(tlb: DeviceTlb, request: DmaRequest, answer: Translated): void {
  const pfn = pfnOf(request.address);
  const pagesLg2 = answer.pageSize <= 4096 ? 0 : Math.log2(answer.pageSize) - 12;
  const first = pfn - (pfn % 2 ** pagesLg2);
  const targetPfn = Math.floor(answer.physical / 4096) - (pfn - first);
  tlb.insert({ pasid: request.pasid, pfn: first, pagesLg2, targetPfn, ...answer.access });
}

function requestFor(path: DmaPath, access: DeviceAccess, address: U64): DmaRequest {
  const hasPasid = access.pasid !== null;
  return {
    sourceId: path.sourceId,
    pasid: access.pasid,
    address,
    type: access.access,
    addressType: access.addressType === 'DEVICE_TLB' ? 'UNTRANSLATED' : access.addressType,
    privileged: hasPasid && (access.privileged ?? false),
    execute: hasPasid && access.access === 'READ' && (access.execute ?? false),
    noWrite: access.addressType === 'TRANSLATION_REQUEST' && access.access === 'READ',
    zeroLength: access.access === 'READ' && access.size === 0,
  };
}

/** An interrupt is one aligned write of four bytes. Spec: VT-d 5.1.2 "Interrupt Requests". */
function interrupt(unit: RemappingUnit, sourceId: number, address: U64, piece: Uint8Array): PieceResult {
  const isWellFormed = piece.length === 4 && address.lo % 4 === 0;
  const message = new DataView(piece.buffer, piece.byteOffset, piece.length);
  const result = isWellFormed
    ? unit.interruptRequest(sourceId, address, message.getUint32(0, true))
    : unit.malformedInterrupt(sourceId);
  if (result.kind !== 'BLOCKED') return { segment: null };
  const { reason, recorded } = result;
  return { blocked: { kind: 'BLOCKED', reason, completion: 'UNSUPPORTED_REQUEST', recorded, level: null } };
}

/** Moves the bytes of one piece; false when no memory answers there: reads give ones, writes are lost. */
function moveBytes(
  memory: HostMemory,
  access: 'READ' | 'WRITE',
  physical: number,
  piece: Uint8Array,
): boolean {
  if (!memory.isReadable(Math.floor(physical / 4096))) {
    if (access === 'READ') piece.fill(0xff);
    return false;
  }
  if (access === 'WRITE') memory.writeBytes(physical, piece);
  else piece.set(memory.readBytes(physical, piece.length));
  return true;
}
