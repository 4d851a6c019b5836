import type { U64 } from '../bits/u64.js';
import type { UnitCapabilities } from '../layout/capability.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorWords,
  PAGE_GROUP_RESPONSE_FIELDS,
  WAIT_FIELDS,
  descriptorType,
  hasReservedBits,
  reservedMasks,
} from '../layout/invalidation/index.js';
import { TRANSLATION_TABLE_MODE } from '../layout/registers.js';
import { INVALIDATION_STEPS } from './invalidate/index.js';

/** Why the queue stopped, as IQERCD.IQEI says it. Spec: VT-d 11.4.9.9 "Invalidation Queue Error Record Register". */
export const QUEUE_ERROR = {
  INVALID_TAIL: 1,
  FETCH: 2,
  INVALID_TYPE: 3,
  RESERVED_FIELD: 4,
  INVALID_WIDTH: 5,
  UNALIGNED_TAIL: 6,
  INVALID_TTM: 7,
} as const;

export type QueueError = (typeof QUEUE_ERROR)[keyof typeof QUEUE_ERROR];

const WAIT_RESERVED = reservedMasks(WAIT_FIELDS);
/** PD is reserved on units that cannot drain page requests. */
const WAIT_RESERVED_WITHOUT_DRAIN = reservedMasks(WAIT_FIELDS.filter(({ name }) => name !== 'PD'));
const RESPONSE_RESERVED = reservedMasks(PAGE_GROUP_RESPONSE_FIELDS);

/**
 * Whether a fetched descriptor may be run at all. Which types and widths are legal follows from the latched
 * table mode: types 1 to 5 in either width for legacy tables, 256-bit descriptors only for scalable ones.
 * Whether its values make sense is found out by running it.
 *
 * @param isWide IQA.DW as latched
 * @param mode TTM as latched
 */
export function illegality(
  words: readonly U64[],
  isWide: boolean,
  mode: number,
  c: UnitCapabilities,
): QueueError | null {
  if (isWide && !c.SMTS && !c.ADMS) return QUEUE_ERROR.INVALID_WIDTH;
  if (mode === TRANSLATION_TABLE_MODE.RESERVED) return QUEUE_ERROR.INVALID_TTM;
  if (mode !== TRANSLATION_TABLE_MODE.LEGACY && !isWide) return QUEUE_ERROR.INVALID_WIDTH;
  const type = descriptorType(words);
  if (mode === TRANSLATION_TABLE_MODE.LEGACY && type > DESCRIPTOR_TYPE.WAIT) return QUEUE_ERROR.INVALID_TYPE;
  const reserved = reservedOf(type, c);
  if (reserved === null) return QUEUE_ERROR.INVALID_TYPE;
  return hasReservedBits(reserved, words) ? QUEUE_ERROR.RESERVED_FIELD : null;
}

/** Reserved bits of a type; null for a type this unit does not know. */
function reservedOf(type: number, c: UnitCapabilities): DescriptorWords | null {
  switch (type) {
    case DESCRIPTOR_TYPE.WAIT:
      return c.PDS ? WAIT_RESERVED : WAIT_RESERVED_WITHOUT_DRAIN;
    case DESCRIPTOR_TYPE.PAGE_GROUP_RESPONSE:
      return c.PRS ? RESPONSE_RESERVED : null;
    case DESCRIPTOR_TYPE.DEVICE_TLB:
    case DESCRIPTOR_TYPE.PASID_DEVICE_TLB:
      return c.DT ? INVALIDATION_STEPS.get(type)!.reserved : null;
    default:
      return INVALIDATION_STEPS.get(type)?.reserved ?? null;
  }
}

const ERROR_TEXT: Readonly<Record<QueueError, string>> = {
  1: 'tail pointer beyond the queue',
  2: 'descriptor cannot be fetched',
  3: 'invalid descriptor type',
  4: 'reserved field or value',
  5: 'descriptor width not allowed',
  6: 'tail not aligned to 256-bit descriptors',
  7: 'invalid translation table mode',
};

/** `IQE: reserved field or value (IQEI 4)`. */
export function describeQueueError(error: QueueError): string {
  return `IQE: ${ERROR_TEXT[error]} (IQEI ${error})`;
}
