import type { U64 } from './u64.js';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]?: Name };

/** An I/O virtual address: what a device puts on the wire. All 64 bits can be present. */
export type Iova = Brand<U64, 'Iova'>;

/** A host physical address below 2^52, so a double holds it exactly. */
export type Hpa = Brand<number, 'Hpa'>;

/** A frame number of host physical memory: an {@link Hpa} divided by 4096. */
export type HostFrame = Brand<number, 'HostFrame'>;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
