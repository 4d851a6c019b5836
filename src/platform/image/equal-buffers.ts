import { crc32 } from 'node:zlib';

/**
 * Buffers of the copy of a platform taken last, so that a later copy, if neither is ever changed, holds those that are
 * still the same instead of copies of its own. Each goes to one buffer of the later copy: two that were apart stay so.
 */
export class EqualBuffers {
  /** By size and check sum. */
  private readonly held = new Map<string, ArrayBuffer[]>();
  private readonly candidates: Map<string, ArrayBuffer[]>;

  /** @param previous of the copy before, which is used up and not kept */
  constructor(previous: EqualBuffers | null) {
    this.candidates = previous?.held ?? new Map<string, ArrayBuffer[]>();
  }

  /** A buffer with the contents of another, not to be written to. */
  copyOf(original: ArrayBuffer): ArrayBuffer {
    const bytes = new Uint8Array(original);
    const key = `${bytes.byteLength} ${crc32(bytes)}`;
    const copy = this.take(key, bytes) ?? original.slice(0);
    const alike = this.held.get(key);
    if (alike === undefined) this.held.set(key, [copy]);
    else alike.push(copy);
    return copy;
  }

  private take(key: string, bytes: Uint8Array): ArrayBuffer | null {
    const candidate = this.candidates.get(key)?.pop();
    return candidate !== undefined && Buffer.compare(bytes, new Uint8Array(candidate)) === 0
      ? candidate
      : null;
  }
}
