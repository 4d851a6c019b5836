import type { HostFrame, Hpa } from '../../bits/address.js';
import { bit, field } from '../../bits/u64.js';
import { PASID_ENTRY_BYTES } from '../../layout/pasid-entry.js';
import { packPasidDirectoryEntry } from '../../layout/pasid-directory-entry.js';
import type { FrameAllocator } from '../../memory/frame-allocator.js';
import type { HostMemory } from '../../memory/host-memory.js';

/** PASIDs one leaf page holds, and one directory entry covers. */
const PASIDS_PER_LEAF = 64;

/**
 * A device's PASID table: a directory of leaf pages, each made when first touched, even by a teardown.
 * With older kernels DMA aliases share one. Linux: struct pasid_table, intel/pasid.c.
 */
export class PasidTable {
  /** PASIDs it can hold: at least 32768, whatever the device supports. */
  readonly capacity: number;
  /** Devices that use it; the last one to leave frees it. */
  users = 0;

  private constructor(
    private readonly memory: HostMemory,
    private readonly frames: FrameAllocator,
    readonly directoryFrame: HostFrame,
    private readonly directoryFrames: number,
  ) {
    this.capacity = directoryFrames * 512 * PASIDS_PER_LEAF;
  }

  /**
   * @param maxPasids PASIDs the device and every unit can use; 0 when the device has none
   * @returns null when memory ran out. Linux: intel_pasid_alloc_table().
   */
  static allocate(memory: HostMemory, frames: FrameAllocator, maxPasids: number): PasidTable | null {
    let count = 1;
    while (count * 4096 < maxPasids >>> 3) count *= 2;
    const directory = frames.allocateRun(count);
    if (directory === null) return null;
    for (let index = 0; index < count; index++) memory.clearFrame(directory + index);
    return new PasidTable(memory, frames, directory, count);
  }

  get directoryAddress(): Hpa {
    return this.directoryFrame * 4096;
  }

  /** PDTS of the context entry: the directory has 2^(PDTS+7) entries. Linux: context_get_sm_pds(). */
  get pdts(): number {
    return Math.max(0, Math.log2(this.capacity / PASIDS_PER_LEAF) - 7);
  }

  /** Address of a PASID's entry; its leaf page is made if need be. Null beyond the table, or without memory. */
  entryAddress(pasid: number): Hpa | null {
    if (pasid >= this.capacity) return null;
    const slot = this.directoryAddress + (pasid >>> 6) * 8;
    let pointer = this.memory.load64(slot);
    if (!bit(pointer, 0)) {
      const leaf = this.frames.allocate();
      if (leaf === null) return null;
      this.memory.clearFrame(leaf);
      pointer = packPasidDirectoryEntry({ P: true, SMPTBLPTR: leaf * 4096 });
      this.memory.store64(slot, pointer);
    }
    return field(pointer, 63, 12) * 4096 + (pasid & 63) * PASID_ENTRY_BYTES;
  }

  /** Present entries in PASID order, by address; makes nothing. */
  *present(): Generator<{ pasid: number; address: Hpa }> {
    for (let index = 0; index < this.directoryFrames * 512; index++) {
      const pointer = this.memory.load64(this.directoryAddress + index * 8);
      if (!bit(pointer, 0)) continue;
      const leaf = field(pointer, 63, 12) * 4096;
      for (let at = 0; at < PASIDS_PER_LEAF; at++) {
        const address = leaf + at * PASID_ENTRY_BYTES;
        if (bit(this.memory.load64(address), 0)) yield { pasid: index * PASIDS_PER_LEAF + at, address };
      }
    }
  }

  /** Gives every page back; the contents stay until the frames are used again. Linux: intel_pasid_free_table(). */
  release(): void {
    for (let index = 0; index < this.directoryFrames * 512; index++) {
      const pointer = this.memory.load64(this.directoryAddress + index * 8);
      if (bit(pointer, 0)) this.frames.release(field(pointer, 63, 12));
    }
    this.frames.releaseRun(this.directoryFrame, this.directoryFrames);
  }
}
