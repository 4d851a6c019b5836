import type { U64 } from '../bits/u64.js';
import type { KernelSubject } from './errno.js';

export type TopologyChange =
  | 'PLATFORM_BOOTED'
  | 'DEVICE_ADDED'
  | 'DEVICE_REMOVED'
  | 'SUBDEVICE_CREATED'
  | 'SUBDEVICE_REMOVED'
  | 'GROUP_CREATED'
  | 'GROUP_REMOVED'
  | 'JOINED_GROUP'
  | 'LEFT_GROUP'
  | 'DOMAIN_ALLOCATED'
  | 'DOMAIN_FREED'
  | 'FEATURE_ENABLED'
  | 'FEATURE_DISABLED'
  | 'DRIVER_BOUND'
  | 'DRIVER_UNBOUND'
  | 'SVA_BOUND'
  | 'SVA_UNBOUND'
  | 'CONTAINER_OPENED'
  | 'CONTAINER_CLOSED'
  | 'VFIO_DEVICE_OPENED'
  | 'VFIO_DEVICE_CLOSED';

/** Something came, went or changed its binding. */
export interface TopologyChanged {
  readonly type: 'TOPOLOGY';
  readonly change: TopologyChange;
  /** Null for PLATFORM_BOOTED: the platform itself. */
  readonly subject: KernelSubject | null;
}

export type AttachmentKind = 'PRIMARY' | 'AUX' | 'PASID';

/** A domain was attached to, or detached from, an endpoint. */
export interface AttachmentChanged {
  readonly type: 'ATTACHMENT';
  readonly attached: boolean;
  readonly domain: number;
  readonly endpoint: KernelSubject;
  readonly kind: AttachmentKind;
  readonly pasid: number | null;
}

/** A range was mapped or unmapped in a domain. */
export interface MappingChanged {
  readonly type: 'MAPPING';
  readonly mapped: boolean;
  readonly domain: number;
  readonly iova: U64;
  /** Null when unmapped. */
  readonly physical: U64 | null;
  readonly size: U64;
  readonly read: boolean;
  readonly write: boolean;
}

/** A line of the kernel log, without time stamp. */
export interface KernelLogged {
  readonly type: 'KERNEL_LOG';
  readonly text: string;
  /** Set when the line reports a fault record: whose it was, so that the fault event can carry it. */
  readonly faultRecord: { readonly unit: string; readonly index: number } | null;
}

export type KernelEvent = TopologyChanged | AttachmentChanged | MappingChanged | KernelLogged;

/** Where events go, in the order they happen. */
export interface EventSink<E> {
  push(event: E): unknown;
}
