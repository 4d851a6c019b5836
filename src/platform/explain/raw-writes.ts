import type { U64 } from '../../bits/u64.js';
import type { PlatformHost } from '../host.js';
import type { Platform } from '../platform.js';

/** Words written into memory by no driver. */
export interface RawWrite {
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly address: number;
  readonly words: readonly U64[];
}

/** Every such write before a revision. They leave no event, so the log is read. */
export async function rawWritesBefore(
  host: PlatformHost,
  platform: Platform,
  revision: number,
): Promise<RawWrite[]> {
  const writes: RawWrite[] = [];
  for await (const { revision: at, logged } of host.commands(platform, 1, revision - 1)) {
    const { command, time } = logged;
    if (command.type !== 'pokeMemory') continue;
    writes.push({ revision: at, time, address: command.address, words: command.words });
  }
  return writes;
}

/** The newest write that touched an entry; null when there is none. */
export function lastWriteTo(
  writes: readonly RawWrite[],
  entryAddress: number,
  bytes: number,
): RawWrite | null {
  const touches = ({ address, words }: RawWrite) =>
    address < entryAddress + bytes && entryAddress < address + words.length * 8;
  return writes.findLast(touches) ?? null;
}
