import type { U64 } from '../bits/u64.js';
import type { Hpa, Iova } from '../bits/address.js';

/** A memory request as it reaches a remapping unit. Spec: VT-d 3.4 "DMA Remapping" and 4.2 "Device-TLB". */
export interface DmaRequest {
  readonly sourceId: number;
  /** 20-bit PASID of the TLP prefix; null for a request-without-PASID. */
  readonly pasid: number | null;
  readonly address: Iova;
  readonly type: RequestType;
  readonly addressType: AddressType;
  /** PR bit of the PASID prefix: privileged mode requested. Meaningful only with a PASID. */
  readonly privileged: boolean;
  /** ER bit: execute requested. Meaningful only with a PASID. */
  readonly execute: boolean;
  /** NW bit of a translation request: the device does not need write permission. */
  readonly noWrite: boolean;
  /** True for a zero-length read. */
  readonly zeroLength: boolean;
}

export type RequestType = 'READ' | 'WRITE' | 'ATOMIC';
export type AddressType = 'UNTRANSLATED' | 'TRANSLATION_REQUEST' | 'TRANSLATED';

/** How the request ends on the bus. Spec: VT-d 7.1.3 "Fault conditions and remapping hardware behavior". */
export type Completion = 'SUCCESS' | 'UNSUPPORTED_REQUEST' | 'COMPLETER_ABORT';

/** Permissions in effect for a translated page. */
export interface PageAccess {
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
}

/** The table a walk was reading when something was decided. */
export type WalkLevel =
  | 'ROOT'
  | 'CONTEXT'
  | 'PASID_DIRECTORY'
  | 'PASID'
  | 'SL5'
  | 'SL4'
  | 'SL3'
  | 'SL2'
  | 'SL1'
  | 'FL5'
  | 'FL4'
  | 'FL3'
  | 'FL2'
  | 'FL1'
  /** The interrupt remapping table; no walk of an address reads it. */
  | 'IRTE';

export type TranslationResult = Translated | InterruptRange | Blocked | EmptyTranslation;

/** The request goes on to memory (or, for a translation request, this is its completion). */
export interface Translated {
  readonly kind: 'TRANSLATED';
  readonly physical: Hpa;
  /** Bytes of the page the translation holds for; 0 when the whole address space passes untranslated. */
  readonly pageSize: number;
  readonly access: PageAccess;
  /** Answered from the IOTLB without reading a page table. */
  readonly cached: boolean;
  /** SNP or PGSNP asked for a snooped access. */
  readonly snoop: boolean;
}

/** A request to 0xFEEx_xxxx: an interrupt, not a memory access. */
export interface InterruptRange {
  readonly kind: 'INTERRUPT';
}

/** Refused by the unit. */
export interface Blocked {
  readonly kind: 'BLOCKED';
  /** Fault reason code. */
  readonly reason: number;
  readonly completion: Completion;
  /** False when it was qualified and FPD was set, when no record was free, or the rule says not to. */
  readonly recorded: boolean;
  /** Where the walk stood; null when no table was read. */
  readonly level: WalkLevel | null;
}

/** A translation request answered Success with no permission at all (R=W=U=S=0). */
export interface EmptyTranslation {
  readonly kind: 'EMPTY';
  /** The condition behind it, as the reason code an untranslated request would get. */
  readonly reason: number;
  /** 0x91 is answered this way and recorded all the same. */
  readonly recorded: boolean;
  readonly level: WalkLevel | null;
}

/** One table entry read by a walk that leaves no trace: no cache filled, no fault, no A/D update. */
export interface WalkStep {
  readonly level: WalkLevel;
  readonly index: number;
  /** Host physical address of the entry. */
  readonly entryAddress: Hpa;
  /** 64-bit words in address order: 1, 2, 4 or 8 of them; empty when the entry cannot be read. */
  readonly words: readonly U64[];
  readonly present: boolean;
}

/** A whole walk, for people. */
export interface WalkTrace {
  readonly steps: readonly WalkStep[];
  /** What a request would get now, caches left aside. `recorded` says whether it would be. */
  readonly result: TranslationResult;
}
