import { closeSync, constants, fsyncSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AheadRecord, HEAD, numberIn, recordAt, type Records, recordsOf } from './ahead-record.js';
import { type AheadWrite, readWrites } from './ahead-writes.js';
import { Damage } from './damage.js';

/** Commits there may be in one file; it begins anew long before. */
const MOST_LATER = 2 ** 20;

/** How commits are written down; a head has as many bytes in each format, and the number in the same place. */
export interface AheadFormat {
  readonly recordAt: typeof recordAt;
  readonly readWrites: typeof readWrites;
}

/** That of this server. */
export const AHEAD: AheadFormat = { recordAt, readWrites };

/** Commits that the database does not have. */
export interface FoundAhead {
  readonly writes: AheadWrite[];
  /** Number of the last of them, or of the last in the database. */
  readonly last: number;
}

/**
 * Commits that a start finds in `ahead.log` and not in the database, in order; makes the file when it is missing.
 *
 * What a power cut left of the last one has a wrong check sum, and what is left behind it from before has an older
 * number; both were never acknowledged, or are in the database.
 *
 * @param stored number of the last commit in the database
 * @throws Damage when others are missing, or are not what was written
 */
export function findAhead(path: string, stored: number, format: AheadFormat): FoundAhead {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666);
  try {
    syncDirectory(dirname(path));
    return commitsIn(recordsOf(readFileSync(file)), stored, format);
  } finally {
    closeSync(file);
  }
}

function commitsIn(file: Records, stored: number, format: AheadFormat): FoundAhead {
  const writes: AheadWrite[] = [];
  let last = stored;
  let end = 0;
  for (const record of recordsIn(file, format)) {
    end = record.end;
    if (record.number <= stored) continue;
    if (record.number !== last + 1) throw new Damage(`commit ${last + 1} is missing`);
    format.readWrites(file, record, writes);
    last = record.number;
  }
  refuseGap(file, end, last, format);
  return { writes, last };
}

/** Records that follow each other from the beginning, by place and by number. */
function* recordsIn(file: Records, format: AheadFormat): Generator<AheadRecord> {
  let record = format.recordAt(file, 0);
  while (record !== null) {
    yield record;
    const next = format.recordAt(file, record.end);
    record = next?.number === record.number + 1 ? next : null;
  }
}

/** A commit that cannot be read is the last; when a later one is anywhere behind it, it was whole once. */
function refuseGap(file: Records, end: number, last: number, format: AheadFormat): void {
  for (let at = end + 1; at + HEAD < file.bytes.byteLength; at++) {
    const number = numberIn(file.view, at + 8);
    if (number <= last || number > last + MOST_LATER || format.recordAt(file, at) === null) continue;
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
