import type { KernelError } from '../errno.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { Every, type Steps } from '../steps.js';
import type { Domain } from './domain.js';
import { chunkOrder } from './page-size.js';

/** 4 KiB pages of the smallest large page. */
const LARGE = 512;
const COUNTED_PER_STEP = 4096;

/** Whether {@link requireTellable} has anything to count. */
export function mayTellTooMuch(state: KernelState, { table }: Domain, hearsChunks: boolean): boolean {
  const most = state.config.tellsPerCommand ?? Infinity;
  return most !== Infinity && (hearsChunks || table.mappedPages > most - state.told);
}

/**
 * Refuses a range of which one command would have more to tell than `tellsPerCommand` of the configuration: an event or
 * more for each chunk that units hear of by itself, a line for each small entry that is there already. The kernel has
 * no such limit; here all of it is kept in memory, where it would push everything else out of the events that are kept.
 */
export function* requireTellable(
  state: KernelState,
  domain: Domain,
  run: { readonly pfn: number; readonly physicalPfn: number; readonly pages: number },
  hearsChunks: boolean,
): Steps<void> {
  const most = state.config.tellsPerCommand ?? Infinity;
  const { pfn, physicalPfn, pages } = run;
  const rest = new Every(COUNTED_PER_STEP);
  if (hearsChunks) {
    for (let done = 0; done < pages;) {
      if (++state.told > most) throw tooMuch(most, 'chunks that a unit hears of one by one');
      done += 2 ** chunkOrder(domain.pageSizeBitmap, pfn + done, physicalPfn + done, pages - done);
      if (rest.isOver) yield;
    }
  }
  const { table, superpageLevels } = domain;
  const isSmall = superpageLevels === 0 || (pfn - physicalPfn) % LARGE !== 0;
  if (!isSmall || table.mappedPages <= most - state.told) return;
  for (const _leaf of table.leaves(pfn, pfn + pages - 1)) {
    if (++state.told > most)
      throw tooMuch(most, 'pages that are mapped already, each with a line in the log');
    if (rest.isOver) yield;
  }
}

function tooMuch(most: number, what: string): KernelError {
  const message = `Too much for one command of the simulator: the range has more than ${most} ${what}.`;
  return refusal('EBUSY', '__domain_mapping', message, {
    code: 'SIMULATOR_LIMIT',
    remedy: 'Map it in parts.',
  });
}
