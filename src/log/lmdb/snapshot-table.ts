import type { Database } from 'lmdb';
import { Damage } from './damage.js';
import { seal, unseal } from './records.js';

/** Index of the value that marks a snapshot as whole; parts are numbered from 0. */
const HEAD = 0xffffffff;

/** The database of snapshots: stream, revision and index to a part or, last, the head. Sealed as all values are. */
export class SnapshotTable {
  constructor(private readonly values: Database<Buffer, Buffer>) {}

  /** @param value a part, or the head when the index is null; see `unsealed` */
  put(stream: number, revision: number, index: number | null, value: Uint8Array): void {
    const key = snapshotKey(stream, revision, index ?? HEAD);
    // An older attempt at this revision is whole no more: its parts are about to be mixed with the new ones.
    if (index === 0) void this.values.remove(snapshotKey(stream, revision, HEAD));
    void this.values.put(key, seal(key, value));
  }

  remove(key: Buffer): void {
    void this.values.remove(key);
  }

  /** Content of a part, or of the head when the index is null. */
  content(stream: number, revision: number, index: number | null): Uint8Array {
    const key = snapshotKey(stream, revision, index ?? HEAD);
    const value = this.values.get(key);
    if (value === undefined) throw new Damage('a part of the snapshot is missing');
    return Uint8Array.from(unseal(key, value));
  }

  /** Revisions of the whole snapshots of a stream, in order. */
  whole(stream: number): number[] {
    const found: number[] = [];
    for (const key of this.keysOf(stream)) if (key.readUInt32BE(12) === HEAD) found.push(revisionIn(key));
    return found;
  }

  /** Of a stream's whole snapshots only those of some revisions stay whole. */
  keepWhole(stream: number, kept: readonly number[]): void {
    for (const revision of this.whole(stream)) {
      if (!kept.includes(revision)) void this.values.remove(snapshotKey(stream, revision, HEAD));
    }
  }

  /** Some keys of a stream's snapshots, but for those of some revisions; none when nothing else is left. */
  keysBut(stream: number, kept: readonly number[], limit: number): Buffer[] {
    const found: Buffer[] = [];
    for (const key of this.keysOf(stream)) {
      if (!kept.includes(revisionIn(key)) && found.push(Buffer.from(key)) === limit) break;
    }
    return found;
  }

  private keysOf(stream: number): Iterable<Buffer> {
    return this.values.getKeys({ start: snapshotKey(stream, 0, 0), end: snapshotKey(stream + 1, 0, 0) });
  }

  /** Every stream of which there is something. */
  streams(): number[] {
    const found: number[] = [];
    for (let from = 0; ;) {
      const [key] = this.values.getKeys({ start: snapshotKey(from, 0, 0), limit: 1 });
      if (key === undefined) return found;
      found.push(key.readUInt32BE());
      from = key.readUInt32BE() + 1;
    }
  }
}

function snapshotKey(stream: number, revision: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(16);
  key.writeUInt32BE(stream, 0);
  key.writeUInt32BE(Math.floor(revision / 2 ** 32), 4);
  key.writeUInt32BE(revision >>> 0, 8);
  key.writeUInt32BE(index, 12);
  return key;
}

function revisionIn(key: Buffer): number {
  return key.readUInt32BE(4) * 2 ** 32 + key.readUInt32BE(8);
}
