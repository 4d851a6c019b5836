import { pfnOf } from '../bits/u64.js';
import type { Command } from './command.js';
import type { Platform } from './platform.js';
import { TimeSlice } from './time-slice.js';

/** 4 KiB pages below one leaf table. */
const TABLE_PAGES = 512;
/** Tables that are made in about a millisecond. */
const FEW = 256;

/**
 * Has memory ready for the tables of a large mapping, in slices, before the command that makes it is applied as a whole.
 * The platform stays what it is. Null when there is nothing to wait for.
 */
export function ahead(platform: Platform, command: Command): Promise<void> | null {
  const tables = tablesOf(command);
  return tables < FEW ? null : makeReady(platform, tables);
}

async function makeReady({ kernel }: Platform, tables: number): Promise<void> {
  const slice = new TimeSlice();
  for (const _step of kernel.makeTablesReady(tables)) await slice.step();
}

/** About as many as a command needs; 0 where large pages are likely. */
function tablesOf(command: Command): number {
  if (command.type === 'vfioMapDma') return pfnOf(command.size) / TABLE_PAGES;
  if (command.type !== 'map') return 0;
  const isAligned = (pfnOf(command.iova) - pfnOf(command.physical)) % TABLE_PAGES === 0;
  return isAligned ? 0 : pfnOf(command.size) / TABLE_PAGES;
}
