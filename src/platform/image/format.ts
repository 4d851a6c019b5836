import { Packr } from 'msgpackr';
import type { EventKind } from '../event-chunk.js';

/**
 * Number of the form of images. To be raised with every change to what the classes of a platform hold or mean:
 * bytes of another form are refused, and the platform is built again from its log.
 */
export const IMAGE_FORMAT = 8;

/**
 * An image is a list of pieces, each of which stands for itself as bytes: a beginning, parts of the graph of
 * objects, what memories and journals hold, an end.
 */
export type Piece =
  | readonly [type: 'BEGIN', format: number, revision: number]
  | readonly [type: 'GRAPH', layouts: readonly Layout[], nodes: readonly EncodedNode[]]
  | readonly [type: 'MEMORY', node: number, frames: readonly number[], bytes: Uint8Array]
  | readonly [type: 'EVENTS', node: number, isFull: boolean, bytes: Uint8Array, kinds: readonly EventKind[]]
  | readonly [type: 'END', nodes: number];

/** Class and fields of objects that have the same ones; the class is null for plain objects. */
export type Layout = readonly [className: string | null, fields: readonly string[]];

/** What an object holds, behind the kind of object it is: one of {@link KIND} or, from there on, a layout. */
export type EncodedNode = readonly [kind: number, ...contents: EncodedValue[]];

/**
 * A value that is no object, or a list of one number: that of a node, or for the parts of the header -1, -2
 * and so on.
 */
export type EncodedValue = number | string | boolean | null | undefined | Uint8Array | readonly [number];

export const KIND = {
  LIST: 0,
  MAP: 1,
  SET: 2,
  BUFFER: 3,
  VIEW: 4,
  MEMORY: 5,
  JOURNAL: 6,
  FRESH: 7,
  LAYOUT: 8,
};

interface ViewType {
  readonly type: new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
  /** Bytes of what its length counts. */
  readonly unit: number;
}

/** Views of buffers a platform can hold, by name. */
export const VIEWS: ReadonlyMap<string, ViewType> = new Map<string, ViewType>([
  ['Int32Array', { type: Int32Array, unit: 4 }],
  ['Uint32Array', { type: Uint32Array, unit: 4 }],
  ['Uint8Array', { type: Uint8Array, unit: 1 }],
]);

const packr = new Packr({ useRecords: false, copyBuffers: true });

export function pack(piece: Piece): Uint8Array {
  return new Uint8Array(packr.pack(piece));
}

export function unpack(bytes: Uint8Array): Piece {
  // A Buffer would hand out Buffers; a view of the same bytes hands out what was stored.
  return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as Piece;
}
