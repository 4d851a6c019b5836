/**
 * The twin: a second model of the translation path, written from the specification's rules alone, slow
 * and plain, in BigInt. It shares no code and no structure definition with the unit it is compared with.
 */

export interface TwinCapabilities {
  readonly sagaw: number;
  readonly mgaw: number;
  readonly sllps: number;
  readonly domainIdBits: number;
  readonly haw: number;
  readonly zlr: boolean;
  readonly fl1gp: boolean;
  readonly fl5lp: boolean;
  readonly dt: boolean;
  readonly pt: boolean;
  readonly sc: boolean;
  readonly mts: boolean;
  readonly nest: boolean;
  readonly prs: boolean;
  readonly srs: boolean;
  readonly eafs: boolean;
  readonly pss: number;
  readonly pasid: boolean;
  readonly smts: boolean;
  readonly slads: boolean;
  readonly slts: boolean;
  readonly flts: boolean;
  readonly smpwcs: boolean;
  readonly rps: boolean;
  readonly adms: boolean;
  readonly rprivs: boolean;
  readonly ptrs: boolean;
  readonly ssirws: boolean;
}

/** Memory as the twin sees it: words by address, and a limit above which nothing answers. */
export class TwinMemory {
  readonly words = new Map<number, bigint>();

  constructor(private readonly limit: bigint) {}

  /** Null when the bus does not answer. */
  load(address: bigint): bigint | null {
    if (address >= this.limit) return null;
    return this.words.get(Number(address)) ?? 0n;
  }

  store(address: bigint, value: bigint): void {
    this.words.set(Number(address), value);
  }
}

export interface TwinMachine {
  readonly capabilities: TwinCapabilities;
  readonly memory: TwinMemory;
  /** RTADDR as it was latched. */
  readonly rtaddr: bigint;
}

export interface TwinRequest {
  readonly sourceId: number;
  readonly pasid: number | null;
  readonly address: bigint;
  readonly type: 'READ' | 'WRITE' | 'ATOMIC';
  readonly addressType: 'UNTRANSLATED' | 'TRANSLATION_REQUEST' | 'TRANSLATED';
  readonly privileged: boolean;
  readonly zeroLength: boolean;
}

export type TwinOutcome =
  | {
      readonly kind: 'PASS';
      readonly physical: bigint;
      /** Null where the whole address passes and no page table has a say. */
      readonly page: { readonly size: bigint; readonly read: boolean; readonly write: boolean } | null;
    }
  | { readonly kind: 'INTERRUPT' }
  | {
      readonly kind: 'FAULT';
      readonly reason: number;
      readonly recorded: boolean;
      readonly completion: 'UNSUPPORTED_REQUEST' | 'COMPLETER_ABORT';
    }
  | { readonly kind: 'EMPTY'; readonly reason: number };

/**
 * Questions the specification leaves to the part. A part answers each the same way every time; the tests
 * say which way ours does.
 */
export interface TwinPolicy {
  /** Permission faults and A/D faults are raised at the level that shows them, or after the last level. */
  readonly checks: 'EACH_LEVEL' | 'AT_END';
  /** Reason when the second stage of a nested walk has no entry at all for a first-stage table. */
  readonly absentTable: 'ABSENT' | 'DENIED';
  /** The interrupt range is compared with the address, or with the whole page it lies in. */
  readonly interruptOverlap: 'ADDRESS' | 'PAGE';
}

/**
 * Thrown where the rules do not say what happens; such a request is not compared. Neither this nor
 * {@link TwinFault} is an Error: they are outcomes, thrown by the thousand, and need no stack.
 */
export class Unspecified {
  constructor(readonly what: string) {}
}

/** Thrown at the point of a walk where the request is refused. */
export class TwinFault {
  constructor(readonly reason: number) {}
}

export const bits = (value: bigint, last: number, first: number): bigint =>
  (value >> BigInt(first)) & ((1n << BigInt(last - first + 1)) - 1n);
export const flag = (value: bigint, position: number): boolean => bits(value, position, position) === 1n;
/** Bits `last`..`first`. */
export const span = (last: number, first: number): bigint =>
  last < first ? 0n : ((1n << BigInt(last - first + 1)) - 1n) << BigInt(first);
export const inInterruptRange = (address: bigint): boolean => address >> 20n === 0xfeen;
