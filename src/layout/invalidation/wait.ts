import { type U64, orU64, u64 } from '../../bits/u64.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.8 "Invalidation Wait Descriptor". */
export const WAIT_FIELDS = [
  { name: 'IF', word: 0, last: 4, first: 4 },
  { name: 'SW', word: 0, last: 5, first: 5 },
  { name: 'FN', word: 0, last: 6, first: 6 },
  { name: 'PD', word: 0, last: 7, first: 7 },
  { name: 'STDATA', word: 0, last: 63, first: 32 },
  { name: 'STADDR', word: 1, last: 63, first: 2 },
] as const satisfies readonly DescriptorField[];

/** Says that everything before it is done. */
export interface WaitDescriptor {
  /** IF: by an invalidation event. */
  readonly interrupt: boolean;
  /** SW: by storing `statusData`. */
  readonly writeStatus: boolean;
  /** FN: and holds back everything after it. */
  readonly fence: boolean;
  /** PD: page requests are drained too. */
  readonly drainPageRequests: boolean;
  readonly statusData: number;
  /** 4-byte aligned. */
  readonly statusAddress: U64;
}

export function packWait(of: WaitDescriptor): DescriptorWords {
  const [low, high] = packDescriptor(DESCRIPTOR_TYPE.WAIT, WAIT_FIELDS, {
    IF: Number(of.interrupt),
    SW: Number(of.writeStatus),
    FN: Number(of.fence),
    PD: Number(of.drainPageRequests),
    STDATA: of.statusData,
  });
  return [low, orU64(high, u64(of.statusAddress.hi, of.statusAddress.lo & ~3))];
}

export function parseWait(words: readonly U64[]): WaitDescriptor {
  const { IF, SW, FN, PD, STDATA } = parseDescriptor(WAIT_FIELDS, words);
  return {
    interrupt: IF === 1,
    writeStatus: SW === 1,
    fence: FN === 1,
    drainPageRequests: PD === 1,
    statusData: STDATA,
    statusAddress: u64(words[1].hi, words[1].lo & ~3),
  };
}
