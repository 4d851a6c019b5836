import type { ImportWarning } from './description.js';

/** Warnings of one part that are shown; a garbled input could make as many as it has bytes. */
const SHOWN = 100;

/** The first warnings of each part, with the number of those left out. */
export function limitWarnings(warnings: readonly ImportWarning[]): ImportWarning[] {
  const counts = new Map<string, number>();
  const shown = warnings.filter(({ source }) => {
    const count = (counts.get(source) ?? 0) + 1;
    counts.set(source, count);
    return count <= SHOWN;
  });
  for (const [source, count] of counts) {
    if (count > SHOWN)
      shown.push({ source, line: null, message: `${count - SHOWN} more findings, not shown` });
  }
  return shown;
}
