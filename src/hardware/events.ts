import type { U64 } from '../bits/u64.js';
import type { AddressType } from './request.js';

/** A request refused by a unit, recorded or not. */
export interface FaultOccurred {
  readonly type: 'FAULT';
  readonly unit: string;
  readonly sourceId: number;
  readonly pasid: number | null;
  /** Page address for DMA faults; interrupt index for interrupt-remapping faults. */
  readonly address: U64;
  readonly access: 'READ' | 'WRITE' | 'EXECUTE' | 'ATOMIC' | 'PAGE_REQUEST' | 'INTERRUPT';
  readonly reason: number;
  /** AT of the request; an interrupt is untranslated. A translated request names a host physical address. */
  readonly addressType: AddressType;
  /** It asked for privileged mode. */
  readonly privileged: boolean;
  readonly recorded: boolean;
  /** Index of the fault recording register used; null when not recorded. */
  readonly recordIndex: number | null;
}

export type DescriptorKind =
  | 'CONTEXT_CACHE'
  | 'IOTLB'
  | 'DEVICE_TLB'
  | 'INTERRUPT_ENTRY_CACHE'
  | 'WAIT'
  | 'PASID_IOTLB'
  | 'PASID_CACHE'
  | 'PASID_DEVICE_TLB'
  | 'PAGE_GROUP_RESPONSE'
  | 'UNKNOWN';

/** A descriptor fetched from the invalidation queue, or a register-based invalidation. */
export interface DescriptorExecuted {
  readonly type: 'INVALIDATION';
  readonly unit: string;
  readonly descriptor: DescriptorKind;
  readonly granularity: 'GLOBAL' | 'DOMAIN' | 'PAGE' | 'DEVICE' | 'PASID' | null;
  readonly domainIdTag: number | null;
  readonly pasid: number | null;
  readonly sourceId: number | null;
  readonly address: U64 | null;
  /** Bytes covered from `address`; null when the scope is not a range. */
  readonly size: U64 | null;
  /** The raw descriptor: two or four words. */
  readonly words: readonly U64[];
  /** Cached entries it removed. */
  readonly dropped: number;
  /** Set when the unit refused it, with the IQEI code where there is one. */
  readonly error: string | null;
}

/** A page request put into the queue, answered by the unit, or dropped. */
export interface PageRequestArrived {
  readonly type: 'PAGE_REQUEST';
  readonly unit: string;
  readonly sourceId: number;
  readonly pasid: number | null;
  readonly address: U64;
  readonly read: boolean;
  readonly write: boolean;
  readonly last: boolean;
  readonly groupIndex: number;
  readonly outcome: 'QUEUED' | 'ANSWERED_SUCCESS' | 'ANSWERED_INVALID' | 'DROPPED';
}

/** A message the unit or a device put on the bus and where remapping sent it. */
export interface InterruptDelivered {
  readonly type: 'INTERRUPT';
  readonly unit: string;
  readonly sourceId: number | null;
  /** The message as the requester wrote it. */
  readonly address: U64;
  readonly data: number;
  /** Index in the interrupt remapping table; null for a compatibility-format message. */
  readonly index: number | null;
  readonly vector: number | null;
  readonly destination: number | null;
}

export type HardwareEvent = FaultOccurred | DescriptorExecuted | PageRequestArrived | InterruptDelivered;

/** Where events go, in the order they happen. */
export interface EventSink<E> {
  push(event: E): unknown;
}
