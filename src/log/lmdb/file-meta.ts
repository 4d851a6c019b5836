import { readSync } from 'node:fs';
import { Damage } from './damage.js';

/** Sizes and places in an LMDB data file of version 2; numbers are little-endian. */
export const PAGE_HEADER = 24;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const META_BYTES = PAGE_HEADER + 144;
const META_PAGE = 0x08;
/** An environment that is one file, whose list of free pages has numbers for keys, and nothing else. */
const META_FLAGS = 0x4008;
const PAGE_SIZES = [4096, 8192, 16384, 32768, 65536];

/** Root and sizes of one B-tree, as its owner records them. */
export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Null when the tree is empty. */
  readonly root: number | null;
}

/** The newest transaction of a file. */
export interface Meta {
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly transaction: number;
  readonly pageSize: number;
}

/** What an open file says of itself: the newer of its first two pages, if both can be. */
export function readMeta(file: number): Meta {
  const pageSize = readBytes(file, 0, META_BYTES).getUint32(48, true);
  if (!PAGE_SIZES.includes(pageSize)) throw new Damage('page 0 does not describe a database');
  const [even, odd] = [metaOn(file, 0, pageSize), metaOn(file, 1, pageSize)];
  if (Math.abs(even.transaction - odd.transaction) > 1)
    throw new Damage('pages 0 and 1 do not follow each other');
  return even.transaction >= odd.transaction ? even : odd;
}

function metaOn(file: number, page: 0 | 1, pageSize: number): Meta {
  const view = readBytes(file, page * pageSize, META_BYTES);
  const [free, main] = [treeAt(view, 48), treeAt(view, 96)];
  const meta = { free, main, lastPage: wide(view, 144), transaction: wide(view, 152), pageSize };
  const isSound =
    wide(view, 0) === page &&
    view.getUint16(18, true) === META_PAGE &&
    view.getUint32(24, true) === MAGIC &&
    view.getUint32(28, true) === VERSION &&
    // A fixed address, and a size of the map that no machine has.
    wide(view, 32) === 0 &&
    wide(view, 40) % pageSize === 0 &&
    wide(view, 40) <= 2 ** 46 &&
    view.getUint32(48, true) === pageSize &&
    (free.flags | 0x4000) === META_FLAGS &&
    main.flags === 0 &&
    meta.lastPage >= 1 &&
    // A transaction writes the page of its own parity; a fresh file has two of transaction 0.
    (meta.transaction === 0 || meta.transaction % 2 === page);
  if (!isSound) throw new Damage(`page ${page} does not describe a database`);
  proveAge(file, page, meta);
  return meta;
}

/** Every transaction writes the root of the main tree; a root of another time tells a meta page of the wrong one. */
function proveAge(file: number, page: number, { main, transaction, pageSize }: Meta): void {
  if (main.root === null) return;
  const root = readBytes(file, main.root * pageSize, PAGE_HEADER);
  if (wide(root, 0) !== main.root || wide(root, 8) !== transaction)
    throw new Damage(`page ${page} is of another time than page ${main.root}`);
}

/** Bytes of a file; all of them must be there. */
export function readBytes(file: number, position: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, position + done);
    if (read === 0) throw new Damage(`it ends at byte ${position + done}, too early`);
    done += read;
  }
  return new DataView(bytes.buffer);
}

/** `MDB_db`, 48 bytes. */
export function treeAt(view: DataView, at: number): Tree {
  const isEmpty =
    view.getUint32(at + 40, true) === 0xffffffff && view.getUint32(at + 44, true) === 0xffffffff;
  return {
    flags: view.getUint16(at + 4, true),
    depth: view.getUint16(at + 6, true),
    branchPages: wide(view, at + 8),
    leafPages: wide(view, at + 16),
    overflowPages: wide(view, at + 24),
    entries: wide(view, at + 32),
    root: isEmpty ? null : wide(view, at + 40),
  };
}

/** A 64-bit number; one that a double cannot hold counts as damage where it is compared. */
export function wide(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}
