import { closeSync, constants, fsyncSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { decode } from '../codec.js';
import { HEAD, numberAt, recordAt, recordsIn, viewOf } from './ahead-record.js';
import { Damage } from './damage.js';
import type { PackedWrite } from './packed.js';

/** Commits there may be in one file; it begins anew long before. */
const MOST_LATER = 2 ** 20;

/**
 * Commits that a start finds in `ahead.log` and not in the database, in order; makes the file when it is missing.
 *
 * What a power cut left of the last one has a wrong check sum, and what is left behind it from before has an older
 * number; both were never acknowledged, or are in the database.
 *
 * @param stored number of the last commit in the database
 */
export function findAhead(path: string, stored: number): (readonly PackedWrite[])[] {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666);
  try {
    syncDirectory(dirname(path));
    return commitsIn(readFileSync(file), stored);
  } finally {
    closeSync(file);
  }
}

function commitsIn(file: Uint8Array, stored: number): (readonly PackedWrite[])[] {
  const found: (readonly PackedWrite[])[] = [];
  let end = 0;
  for (const record of recordsIn(file)) {
    end = record.end;
    if (record.number <= stored) continue;
    const expected = stored + found.length + 1;
    if (record.number !== expected) throw new Damage(`commit ${expected} is missing`);
    found.push(decode(record.bytes) as PackedWrite[]);
  }
  refuseGap(file, end, stored + found.length);
  return found;
}

/** A commit that cannot be read is the last; when a later one is anywhere behind it, it was whole once. */
function refuseGap(file: Uint8Array, end: number, last: number): void {
  const view = viewOf(file);
  for (let at = end + 1; at + HEAD < file.byteLength; at++) {
    const number = numberAt(view, at);
    if (number <= last || number > last + MOST_LATER || recordAt(file, at) === null) continue;
    throw new Damage(`commit ${last + 1} is not what was written`);
  }
}

/** That the file has a name must outlive a power cut too. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
