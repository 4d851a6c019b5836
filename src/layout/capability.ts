import { type U64, ZERO, field, withField } from '../bits/u64.js';

/**
 * The capability register. Spec: VT-d 11.4.2 "Capability Register".
 *
 * Names are the present ones; where older texts and the kernel use another, the meaning gives it.
 */
export const CAP_FIELDS = [
  { name: 'ND', word: 0, last: 2, first: 0, meaning: 'domain ids have 4 + 2 * ND bits' },
  { name: 'AFL', word: 0, last: 3, first: 3, meaning: 'advanced fault logging' },
  { name: 'RWBF', word: 0, last: 4, first: 4, meaning: 'write buffers must be flushed' },
  { name: 'PLMR', word: 0, last: 5, first: 5, meaning: 'protected low-memory region' },
  { name: 'PHMR', word: 0, last: 6, first: 6, meaning: 'protected high-memory region' },
  {
    name: 'CM',
    word: 0,
    last: 7,
    first: 7,
    meaning: 'caching mode: entries that are not present may be cached',
  },
  {
    name: 'SAGAW',
    word: 0,
    last: 12,
    first: 8,
    meaning: 'adjusted guest address widths: bit 1 39, bit 2 48, bit 3 57',
  },
  { name: 'MGAW', word: 0, last: 21, first: 16, meaning: 'maximum guest address width minus 1' },
  { name: 'ZLR', word: 0, last: 22, first: 22, meaning: 'zero-length reads of write-only pages' },
  { name: 'FRO', word: 0, last: 33, first: 24, meaning: 'fault recording registers at 16 * FRO' },
  {
    name: 'SSLPS',
    word: 0,
    last: 37,
    first: 34,
    meaning: 'second-stage large pages: bit 0 2 MiB, bit 1 1 GiB (SLLPS)',
  },
  { name: 'PSI', word: 0, last: 39, first: 39, meaning: 'page-selective invalidation' },
  { name: 'NFR', word: 0, last: 47, first: 40, meaning: 'number of fault recording registers minus 1' },
  {
    name: 'MAMV',
    word: 0,
    last: 53,
    first: 48,
    meaning: 'largest address mask of a page-selective invalidation',
  },
  { name: 'DWD', word: 0, last: 54, first: 54, meaning: 'write draining' },
  { name: 'DRD', word: 0, last: 55, first: 55, meaning: 'read draining' },
  { name: 'FS1GP', word: 0, last: 56, first: 56, meaning: 'first-stage 1 GiB pages (FL1GP)' },
  { name: 'PI', word: 0, last: 59, first: 59, meaning: 'posted interrupts' },
  { name: 'FS5LP', word: 0, last: 60, first: 60, meaning: 'first-stage 5-level paging (FL5LP)' },
  { name: 'ECMDS', word: 0, last: 61, first: 61, meaning: 'enhanced commands' },
  {
    name: 'ESIRTPS',
    word: 0,
    last: 62,
    first: 62,
    meaning: 'setting the interrupt table pointer flushes its cache',
  },
  {
    name: 'ESRTPS',
    word: 0,
    last: 63,
    first: 63,
    meaning: 'setting the root table pointer flushes its caches',
  },
] as const;

/** The extended capability register. Spec: VT-d 11.4.3 "Extended Capability Register". */
export const ECAP_FIELDS = [
  { name: 'C', word: 0, last: 0, first: 0, meaning: 'page walks are coherent (legacy structures)' },
  { name: 'QI', word: 0, last: 1, first: 1, meaning: 'queued invalidation' },
  { name: 'DT', word: 0, last: 2, first: 2, meaning: 'device-TLBs (ATS)' },
  { name: 'IR', word: 0, last: 3, first: 3, meaning: 'interrupt remapping' },
  { name: 'EIM', word: 0, last: 4, first: 4, meaning: 'extended interrupt mode (x2APIC)' },
  { name: 'PT', word: 0, last: 6, first: 6, meaning: 'pass-through' },
  { name: 'SC', word: 0, last: 7, first: 7, meaning: 'snoop control' },
  { name: 'IRO', word: 0, last: 17, first: 8, meaning: 'invalidation registers at 16 * IRO' },
  { name: 'MHMV', word: 0, last: 23, first: 20, meaning: 'largest mask of an interrupt-entry invalidation' },
  { name: 'MTS', word: 0, last: 25, first: 25, meaning: 'memory types' },
  { name: 'NEST', word: 0, last: 26, first: 26, meaning: 'nested translation' },
  { name: 'PRS', word: 0, last: 29, first: 29, meaning: 'page requests' },
  { name: 'ERS', word: 0, last: 30, first: 30, meaning: 'execute requests' },
  { name: 'SRS', word: 0, last: 31, first: 31, meaning: 'supervisor requests' },
  { name: 'NWFS', word: 0, last: 33, first: 33, meaning: 'no-write flag of translation requests' },
  { name: 'EAFS', word: 0, last: 34, first: 34, meaning: 'extended-accessed flag' },
  { name: 'PSS', word: 0, last: 39, first: 35, meaning: 'PASIDs have PSS + 1 bits' },
  { name: 'PASID', word: 0, last: 40, first: 40, meaning: 'requests-with-PASID' },
  { name: 'DIT', word: 0, last: 41, first: 41, meaning: 'device-TLB invalidation throttle' },
  { name: 'PDS', word: 0, last: 42, first: 42, meaning: 'page-request drain' },
  { name: 'SMTS', word: 0, last: 43, first: 43, meaning: 'scalable mode' },
  { name: 'VCS', word: 0, last: 44, first: 44, meaning: 'virtual commands' },
  { name: 'SSADS', word: 0, last: 45, first: 45, meaning: 'second-stage accessed and dirty bits (SLADS)' },
  { name: 'SSTS', word: 0, last: 46, first: 46, meaning: 'second-stage translation (SLTS)' },
  { name: 'FSTS', word: 0, last: 47, first: 47, meaning: 'first-stage translation (FLTS)' },
  { name: 'SMPWCS', word: 0, last: 48, first: 48, meaning: 'page walks can be snooped (scalable mode)' },
  { name: 'RPS', word: 0, last: 49, first: 49, meaning: 'RID_PASID field' },
  { name: 'TDXCS', word: 0, last: 50, first: 50, meaning: 'TDX Connect' },
  { name: 'PMS', word: 0, last: 51, first: 51, meaning: 'performance monitoring' },
  { name: 'ADMS', word: 0, last: 52, first: 52, meaning: 'abort-DMA mode' },
  { name: 'RPRIVS', word: 0, last: 53, first: 53, meaning: 'RID_PRIV field' },
  { name: 'HPTS', word: 0, last: 55, first: 55, meaning: 'host permission tables' },
  { name: 'PTRS', word: 0, last: 56, first: 56, meaning: 'PASIDs in translated requests' },
  { name: 'SSIRWS', word: 0, last: 57, first: 57, meaning: 'second-stage I/O read and write bits' },
  { name: 'SMS', word: 0, last: 58, first: 58, meaning: 'stop markers' },
  { name: 'HPT1GPS', word: 0, last: 59, first: 59, meaning: 'host permission table 1 GiB pages' },
  { name: 'RDTS', word: 0, last: 60, first: 60, meaning: 'resource director' },
  { name: 'EIMER', word: 0, last: 61, first: 61, meaning: 'only extended interrupt mode is accepted' },
  { name: 'IRREQ', word: 0, last: 62, first: 62, meaning: 'interrupts are blocked while remapping is off' },
] as const;

type CapField = (typeof CAP_FIELDS)[number];
type EcapField = (typeof ECAP_FIELDS)[number];
type Decoded<F extends { name: string; last: number; first: number }> = {
  readonly [K in F as K['name']]: K['last'] extends K['first'] ? boolean : number;
};
type Encodable<F extends { name: string }> = { readonly [K in F['name']]?: number };

/**
 * What one unit can do: every field of CAP and ECAP under its own name (one bit: boolean, more: number),
 * and what follows from them.
 */
export type UnitCapabilities = Decoded<CapField> &
  Decoded<EcapField> & {
    /** VER 7:4. */
    readonly majorVersion: number;
    /** VER 3:0. */
    readonly minorVersion: number;
    /** Bits in a domain id. */
    readonly domainIdBits: number;
    /** Bits in a PASID; 0 when requests-with-PASID are not supported. */
    readonly pasidBits: number;
    /** MGAW plus 1. */
    readonly maxGuestAddressWidth: number;
    /** Widest second-stage table the unit walks: 39, 48 or 57 bits; 0 when it has none. */
    readonly largestAgaw: number;
    /** Byte offset of the first fault recording register. */
    readonly faultRecordOffset: number;
    readonly faultRecords: number;
    /** Byte offset of IVA; IOTLB follows it. */
    readonly iotlbRegisterOffset: number;
    /** From major version 6 on the CCMD, IVA and IOTLB registers refuse every request. */
    readonly registerInvalidation: boolean;
  };

/** Reads the three registers that say what a unit is. */
export function decodeCapabilities(version: number, capability: U64, extended: U64): UnitCapabilities {
  const decoded: Record<string, number | boolean> = {};
  for (const [fields, word] of [
    [CAP_FIELDS, capability],
    [ECAP_FIELDS, extended],
  ] as const) {
    for (const { name, last, first } of fields) {
      const content = field(word, last, first);
      decoded[name] = last === first ? content === 1 : content;
    }
  }
  const { ND, SAGAW, MGAW, PASID, PSS, FRO, NFR, IRO } = decoded as Decoded<CapField> & Decoded<EcapField>;
  const majorVersion = (version >>> 4) & 15;
  return {
    ...(decoded as Decoded<CapField> & Decoded<EcapField>),
    majorVersion,
    minorVersion: version & 15,
    domainIdBits: 4 + 2 * ND,
    pasidBits: PASID ? PSS + 1 : 0,
    maxGuestAddressWidth: MGAW + 1,
    largestAgaw: SAGAW & 8 ? 57 : SAGAW & 4 ? 48 : SAGAW & 2 ? 39 : 0,
    faultRecordOffset: FRO * 16,
    faultRecords: NFR + 1,
    iotlbRegisterOffset: IRO * 16,
    registerInvalidation: majorVersion < 6,
  };
}

/** A CAP value with these fields; those not named are 0. */
export function packCapability(content: Encodable<CapField>): U64 {
  return pack(CAP_FIELDS, content);
}

/** An ECAP value with these fields; those not named are 0. */
export function packExtendedCapability(content: Encodable<EcapField>): U64 {
  return pack(ECAP_FIELDS, content);
}

function pack(
  fields: readonly { readonly name: string; readonly last: number; readonly first: number }[],
  content: Readonly<Record<string, number | undefined>>,
): U64 {
  let word = ZERO;
  for (const { name, last, first } of fields) word = withField(word, last, first, content[name] ?? 0);
  return word;
}
