import type { Errno, KernelError } from './errno.js';
import { refusal } from './refusal.js';
import type { KernelState } from './state.js';

/** Bytes for tables and queues, used and not. */
export function tableMemoryOf({ frames }: KernelState): { readonly bytes: number; readonly used: number } {
  return { bytes: frames.count * 4096, used: frames.used * 4096 };
}

export function isOutOfTables({ frames }: KernelState): boolean {
  return frames.used === frames.count;
}

/** A refusal where a frame could not be had. Linux: alloc_pgtable_page() gives NULL. */
export function noTableMemory(
  state: KernelState,
  errno: Errno,
  mirrors: string,
  wanted: string,
): KernelError {
  const { bytes } = tableMemoryOf(state);
  return refusal(errno, mirrors, `No memory for ${wanted}: all ${bytes} bytes for tables are used.`, {
    code: 'NO_MEMORY',
    remedy:
      'Unmap what is not needed, or use larger pages: addresses that are multiples of 2 MiB on both sides.',
  });
}
