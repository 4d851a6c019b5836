import { closeSync, openSync } from 'node:fs';
import { Damage } from './damage.js';
import { wide } from './file-meta.js';
import { FilePages } from './file-pages.js';
import { type Item, TreeReader, asBytes, asNumbers } from './file-tree.js';

/** What stands in a sound file, in order of key, told while it is read. */
export interface FileVisitor {
  /** A database by name, or an entry that is none; throws what it does not like. */
  root(name: string, item: Item): void;
  entry(database: string, item: Item): void;
}

/**
 * Reads a whole LMDB file without LMDB and proves that it can be left to it: every page has one owner, every
 * tree is in order and has as many entries as it should, and what is free is free once.
 *
 * @throws Damage saying what is wrong
 */
export function checkFile(path: string, visitor: FileVisitor): void {
  const file = openSync(path, 'r');
  try {
    const pages = new FilePages(file);
    for (const item of new TreeReader(pages, pages.meta.main, asBytes).items()) {
      const name = nameOf(item);
      visitor.root(name, item);
      if (item.tree === null) continue;
      if (item.tree.flags !== 0) throw new Damage(`database ${name} is of another kind`);
      for (const entry of new TreeReader(pages, item.tree, asBytes).items()) {
        if (entry.tree !== null) throw new Damage(`database ${name} holds databases`);
        visitor.entry(name, entry);
      }
    }
    checkFreeList(pages);
  } finally {
    closeSync(file);
  }
}

/** Names of databases end with a zero, as in C. */
function nameOf({ key, tree }: Item): string {
  const name = Buffer.from(key).toString('latin1');
  if (tree === null) return name;
  if (!name.endsWith('\0')) throw new Damage('a database has no proper name');
  return name.slice(0, -1);
}

/** Each record lists pages that one transaction freed: numbers, zeros, and minus a count before a run. */
function checkFreeList(pages: FilePages): void {
  const { free, lastPage } = pages.meta;
  let count = 0;
  for (const { key, value } of new TreeReader(pages, free, asNumbers).items()) {
    if (key.length !== 8 || value.length % 8 !== 0) throw new Damage('the list of free pages is not one');
    // Values in a page lie at even addresses only.
    const numbers = new DataView(value.slice().buffer);
    const length = numbers.byteLength === 0 ? 0 : wide(numbers, 0);
    if (length * 8 > numbers.byteLength - 8) throw new Damage('the list of free pages has a wrong length');
    let run = 1;
    for (let index = 1; index <= length; index++) {
      if (numbers.getInt32(index * 8 + 4, true) < 0) {
        run = 2 ** 32 - numbers.getUint32(index * 8, true);
        continue;
      }
      const page = wide(numbers, index * 8);
      if (page !== 0) {
        if (page + run - 1 > lastPage) throw new Damage(`page ${page} is free and does not exist`);
        for (let each = page; each < page + run; each++) pages.claimFree(each);
        count += run;
      }
      run = 1;
    }
  }
  // Pages at the end that are free need not be there; all others must.
  if (lastPage + 1 - pages.present > count) throw new Damage('the file is too short');
}
