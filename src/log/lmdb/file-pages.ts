import { fstatSync } from 'node:fs';
import { Damage } from './damage.js';
import { PAGE_HEADER, type Meta, readBytes, readMeta, wide } from './file-meta.js';

type PageKind = 'branch' | 'leaf' | 'overflow';
const PAGE_FLAGS = { branch: 0x01, leaf: 0x02, overflow: 0x04 } as const;

/**
 * The pages of an LMDB file, read with plain reads: the library itself believes what it maps, and a wrong page
 * number there ends the process.
 */
export class FilePages {
  readonly meta: Meta;
  /** Pages that are really there. */
  readonly present: number;
  private readonly seen: Uint8Array;

  constructor(private readonly file: number) {
    this.meta = readMeta(file);
    this.present = Math.floor(fstatSync(file).size / this.meta.pageSize);
    this.seen = new Uint8Array(Math.min(this.present, this.meta.lastPage + 1));
    this.seen.fill(1, 0, 2);
  }

  /** A page of a tree; each may be asked for once, as each has one owner. */
  page(number: number, kind: PageKind): DataView {
    const page = this.ownedPages(number, 1);
    this.checkHeader(page, number, kind);
    return page;
  }

  /** The bytes that lie on overflow pages. */
  overflow(number: number, length: number, pages: number): Uint8Array {
    if (pages !== Math.floor((PAGE_HEADER - 1 + length) / this.meta.pageSize) + 1)
      throw new Damage(`page ${number} does not hold ${length} bytes`);
    const view = this.ownedPages(number, pages);
    this.checkHeader(view, number, 'overflow');
    if (view.getUint32(20, true) !== pages) throw new Damage(`page ${number} begins another run of pages`);
    return new Uint8Array(view.buffer, PAGE_HEADER, length);
  }

  /** Marks a page as free; one that is free twice, or in use, would be written to while it is needed. */
  claimFree(number: number): void {
    if (number < 2 || number > this.meta.lastPage)
      throw new Damage(`page ${number} is free and does not exist`);
    if (number < this.seen.length) this.claim(number);
  }

  private ownedPages(number: number, pages: number): DataView {
    if (number < 2 || number + pages > this.seen.length) throw new Damage(`page ${number} does not exist`);
    for (let each = number; each < number + pages; each++) this.claim(each);
    return readBytes(this.file, number * this.meta.pageSize, pages * this.meta.pageSize);
  }

  private claim(number: number): void {
    if (this.seen[number] !== 0) throw new Damage(`page ${number} is used twice`);
    this.seen[number] = 1;
  }

  private checkHeader(page: DataView, number: number, kind: PageKind): void {
    if (wide(page, 0) !== number || page.getUint16(18, true) !== PAGE_FLAGS[kind])
      throw new Damage(`page ${number} is not the ${kind} page it should be`);
    if (wide(page, 8) > this.meta.transaction) throw new Damage(`page ${number} is of a later time`);
  }
}
