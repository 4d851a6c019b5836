import { Damage } from './damage.js';
import { PAGE_HEADER, type Tree, treeAt, wide } from './file-meta.js';
import type { FilePages } from './file-pages.js';

const NODE_HEADER = 8;
const ON_OVERFLOW_PAGES = 0x01;
const SUB_TREE = 0x02;

/** One entry of a tree. A named database is an entry of the main tree whose value is a tree. */
export interface Item {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly tree: Tree | null;
}

type Compare = (a: Uint8Array, b: Uint8Array) => number;

/** Keys of databases by name are compared as bytes, those of the free list as numbers. */
export const asBytes: Compare = (a, b) => Buffer.compare(a, b);
export const asNumbers: Compare = (a, b) => Buffer.compare(reversed(a), reversed(b));

interface Node {
  readonly key: Uint8Array;
  readonly flags: number;
  /** Where the value begins. */
  readonly at: number;
  /** Length of the value; on a branch, with the flags, the page below. */
  readonly low: number;
}

/** Walks a tree from first to last and proves on the way that every search in it would end where it should. */
export class TreeReader {
  private branchPages = 0;
  private leafPages = 0;
  private overflowPages = 0;
  private entries = 0;
  private last: Uint8Array | null = null;

  constructor(
    private readonly pages: FilePages,
    private readonly tree: Tree,
    private readonly compare: Compare,
  ) {}

  *items(): Generator<Item> {
    const { root, depth, branchPages, leafPages, overflowPages, entries } = this.tree;
    if (root !== null) yield* this.below(root, depth, null, null);
    else if (depth !== 0) throw new Damage('an empty tree has a depth');
    const counts = [this.branchPages, this.leafPages, this.overflowPages, this.entries];
    const expected = [branchPages, leafPages, overflowPages, entries];
    if (counts.some((count, index) => count !== expected[index]))
      throw new Damage(`a tree has ${counts.join()} pages and entries instead of ${expected.join()}`);
  }

  /** Everything below a page lies from `least` on and before `end`. */
  private *below(
    number: number,
    depth: number,
    least: Uint8Array | null,
    end: Uint8Array | null,
  ): Generator<Item> {
    if (depth < 1) throw new Damage(`page ${number} lies too deep`);
    if (depth === 1) {
      yield* this.leaf(number, least, end);
      return;
    }
    this.branchPages++;
    const page = this.pages.page(number, 'branch');
    const nodes = nodesOf(page, number);
    if (nodes.length < 1) throw new Damage(`page ${number} is empty`);
    for (let index = 0; index < nodes.length; index++) {
      const { low, flags, key } = nodes[index];
      // The first key of a branch stands for everything before the second.
      const from = index === 0 ? least : key;
      yield* this.below(flags * 2 ** 32 + low, depth - 1, from, nodes[index + 1]?.key ?? end);
    }
  }

  private *leaf(number: number, least: Uint8Array | null, end: Uint8Array | null): Generator<Item> {
    this.leafPages++;
    const page = this.pages.page(number, 'leaf');
    for (const { key, flags, at, low } of nodesOf(page, number)) {
      const isInOrder =
        (this.last === null || this.compare(this.last, key) < 0) &&
        (least === null || this.compare(least, key) <= 0) &&
        (end === null || this.compare(key, end) < 0);
      if (!isInOrder) throw new Damage(`page ${number} is out of order`);
      this.last = key;
      this.entries++;
      yield this.item(page, number, { key, flags, at, low });
    }
  }

  private item(page: DataView, number: number, { key, flags, at, low }: Node): Item {
    if (flags !== 0 && flags !== ON_OVERFLOW_PAGES && flags !== SUB_TREE)
      throw new Damage(`page ${number} has an entry of unknown kind`);
    const length = flags === ON_OVERFLOW_PAGES ? 24 : low;
    if (at + length > page.byteLength) throw new Damage(`page ${number} has an entry beyond its end`);
    if (flags === ON_OVERFLOW_PAGES) {
      const pages = wide(page, at + 16);
      this.overflowPages += pages;
      return { key, value: this.pages.overflow(wide(page, at), low, pages), tree: null };
    }
    if (flags === SUB_TREE && length !== 48) throw new Damage(`page ${number} has a tree of a wrong size`);
    return {
      key,
      value: new Uint8Array(page.buffer, page.byteOffset + at, length),
      tree: flags === SUB_TREE ? treeAt(page, at) : null,
    };
  }
}

function nodesOf(page: DataView, number: number): Node[] {
  const lower = page.getUint16(20, true);
  const upper = page.getUint16(22, true);
  if (lower % 2 !== 0 || lower > upper || PAGE_HEADER + upper > page.byteLength)
    throw new Damage(`page ${number} has wrong bounds`);
  const nodes: Node[] = [];
  for (let index = 0; index < lower / 2; index++) {
    const offset = page.getUint16(PAGE_HEADER + index * 2, true);
    const at = PAGE_HEADER + offset;
    if (offset < upper || offset % 2 !== 0 || at + NODE_HEADER > page.byteLength)
      throw new Damage(`page ${number} has an entry outside itself`);
    const keySize = page.getUint16(at + 6, true);
    const value = at + NODE_HEADER + keySize;
    if (value > page.byteLength) throw new Damage(`page ${number} has a key beyond its end`);
    nodes.push({
      key: new Uint8Array(page.buffer, page.byteOffset + at + NODE_HEADER, keySize),
      flags: page.getUint16(at + 4, true),
      at: value,
      low: page.getUint32(at, true),
    });
  }
  return nodes;
}

function reversed(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes).reverse();
}
