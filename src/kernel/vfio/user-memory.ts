import { type U64, addU64, compareU64, pfnOf, toHex, u64FromPfn } from '../../bits/u64.js';
import type { HostFrame } from '../../bits/address.js';
import type { HostMemory } from '../../memory/host-memory.js';
import { KernelError } from '../errno.js';
import type { DmaAccess } from './dma-list.js';

/** A stretch of a process's virtual memory. */
export interface UserRange extends DmaAccess {
  readonly start: U64;
  readonly size: U64;
  /** Bytes of the pages behind it: 4 KiB, 2 MiB or 1 GiB. */
  readonly pageSize: number;
}

/** Frames in one block of small pages, and in one large page of 2 MiB. */
const BLOCK_FRAMES = 512;
/** Pages of a user process on x86-64 without 5-level tables lie below this frame number. */
const USER_SPACE_PAGES = 2 ** 35;

/** Everything a process can have, for those who do not care. */
export const WHOLE_USER_SPACE: UserRange = {
  start: { hi: 0, lo: 0 },
  size: { hi: 0x8000, lo: 0 },
  read: true,
  write: true,
  pageSize: 4096,
};

/** Host memory given to user processes: blocks from the top down, each aligned to its own size. */
export class UserFrames {
  private next: HostFrame;
  private readonly free = new Map<number, HostFrame[]>();

  /** @param first lowest frame to give out */
  constructor(
    private readonly memory: HostMemory,
    private readonly first: HostFrame,
    end: HostFrame,
  ) {
    this.next = end;
  }

  /** A zeroed block; null when there is no room. */
  allocate(frames: number): HostFrame | null {
    const start = this.free.get(frames)?.pop() ?? this.takeNew(frames);
    if (start === null) return null;
    this.memory.clearFrames(start, frames);
    return start;
  }

  release(start: HostFrame, frames: number): void {
    const list = this.free.get(frames);
    if (list === undefined) this.free.set(frames, [start]);
    else list.push(start);
  }

  private takeNew(frames: number): HostFrame | null {
    const start = Math.floor((this.next - frames) / frames) * frames;
    if (start < this.first) return null;
    this.next = start;
    return start;
  }
}

/**
 * The memory of a user process as pinning sees it: what is mapped with which rights, and the host frame
 * behind each page, found when a page is first asked for.
 *
 * A large page is one block. Small pages take blocks of 512 in which each page is one frame further than
 * its place, so neighbours are mostly contiguous, as on a machine just booted, yet never make up a large
 * page of the IOMMU.
 */
export class UserMemory {
  private readonly blocks = new Map<number, { readonly start: HostFrame; readonly frames: number }>();

  constructor(
    readonly ranges: readonly UserRange[],
    private readonly source: UserFrames,
    /** Pages the process may have pinned at a time (RLIMIT_MEMLOCK); null with CAP_IPC_LOCK. */
    readonly lockLimit: number | null,
  ) {}

  /**
   * The host frame of a page a device is to reach, and how many pages from there on lie in frames that
   * follow each other. Linux: vfio_pin_pages_remote(), vaddr_get_pfns().
   * @param vpfn number of the first virtual page
   * @param pages how many are wanted, at least one
   */
  pinRun(
    vpfn: number,
    pages: number,
    access: DmaAccess,
  ): { readonly frame: HostFrame; readonly pages: number } {
    const first = this.pinInBlock(vpfn, pages, access);
    let done = first.pages;
    while (done < pages) {
      const range = this.rangeOf(vpfn + done);
      if (range === null || !allows(range, access)) break;
      const next = this.pinInBlock(vpfn + done, pages - done, access);
      if (next.frame !== first.frame + done) break;
      done += next.pages;
    }
    return { frame: first.frame, pages: done };
  }

  /** As far as one block and one range go. */
  private pinInBlock(vpfn: number, pages: number, access: DmaAccess) {
    const range = this.rangeOf(vpfn);
    if (range === null || !allows(range, access)) throw badAddress(vpfn, range, access);
    const blockFrames = Math.max(BLOCK_FRAMES, range.pageSize / 4096);
    const number = Math.floor(vpfn / blockFrames);
    const start = this.blockOf(number * blockFrames, blockFrames);
    const index = vpfn - number * blockFrames;
    const left = Math.min(pages, pfnOf(range.start) + pfnOf(range.size) - vpfn);
    if (range.pageSize !== 4096) return { frame: start + index, pages: Math.min(left, blockFrames - index) };
    if (index === BLOCK_FRAMES - 1) return { frame: start, pages: 1 };
    return { frame: start + index + 1, pages: Math.min(left, BLOCK_FRAMES - 1 - index) };
  }

  /** The process is gone: its pages can be anybody's. */
  release(): void {
    for (const { start, frames } of this.blocks.values()) this.source.release(start, frames);
    this.blocks.clear();
  }

  /** What the process has at a page; null for nothing. */
  rangeOf(vpfn: number): UserRange | null {
    if (vpfn >= USER_SPACE_PAGES) return null;
    for (const range of this.ranges) {
      const first = pfnOf(range.start);
      if (vpfn >= first && vpfn < first + pfnOf(range.size)) return range;
    }
    return null;
  }

  /** Keyed by the first virtual page of the block: blocks of several sizes never share one. */
  private blockOf(firstVpfn: number, frames: number): HostFrame {
    const key = firstVpfn * 4 + (frames === BLOCK_FRAMES ? 0 : 1);
    const known = this.blocks.get(key);
    if (known !== undefined) return known.start;
    const start = this.source.allocate(frames);
    if (start === null) {
      throw new KernelError('ENOMEM', 'vaddr_get_pfn', 'The host has no memory left for user pages.');
    }
    this.blocks.set(key, { start, frames });
    return start;
  }
}

function allows(range: UserRange, access: DmaAccess): boolean {
  return access.write ? range.write : range.read;
}

/** What is wrong with the memory somebody says a process has; null when nothing is. */
export function userRangesFault(ranges: readonly UserRange[]): string | null {
  for (const { start, size, pageSize } of ranges) {
    if (pageSize !== 4096 && pageSize !== 2 ** 21 && pageSize !== 2 ** 30) {
      return `pages have 4096 bytes, 2 MiB or 1 GiB, not ${pageSize} bytes`;
    }
    const inPage = pageSize / 4096;
    const misaligned = ((start.lo | size.lo) & 0xfff) !== 0 || pfnOf(start) % inPage !== 0;
    if (misaligned || pfnOf(size) % inPage !== 0 || pfnOf(size) === 0) {
      return `the range at ${toHex(start)} must begin and end at a page of ${pageSize} bytes and not be empty`;
    }
    if (pfnOf(start) + pfnOf(size) > USER_SPACE_PAGES) {
      return `the range at ${toHex(start)} reaches above the 47 bits of address a process has`;
    }
  }
  const sorted = [...ranges].sort((a, b) => compareU64(a.start, b.start));
  for (let index = 1; index < sorted.length; index++) {
    const before = sorted[index - 1];
    if (compareU64(addU64(before.start, before.size), sorted[index].start) > 0) {
      return `the ranges at ${toHex(before.start)} and ${toHex(sorted[index].start)} overlap`;
    }
  }
  return null;
}

function badAddress(vpfn: number, range: UserRange | null, access: DmaAccess): KernelError {
  const where = toHex(u64FromPfn(vpfn));
  const rule =
    range === null
      ? `The process has nothing mapped at ${where}.`
      : `The process may not ${access.write ? 'write' : 'read'} at ${where}.`;
  const remedy = range === null ? 'Give the container user memory there.' : 'Map it with fewer rights.';
  return new KernelError('EFAULT', 'vaddr_get_pfn', rule, [
    { code: 'USER_MEMORY', message: rule, subject: null, remedy },
  ]);
}
