/** The largest level, up to `superpageLevels` above the leaves, a run can begin with. Linux: hardware_largepage_caps(). */
export function largestLevel(
  pfn: number,
  physicalPfn: number,
  pages: number,
  superpageLevels: number,
): number {
  let level = 1;
  for (let span = 512; level <= superpageLevels; span *= 512) {
    if (pages < span || pfn % span !== 0 || physicalPfn % span !== 0) break;
    level++;
  }
  return level;
}

/** Fills the entries of 4 KiB pages, whatever is there. */
export function writeWhole(words: Int32Array, from: number, end: number, lo: number, hi: number): void {
  for (let word = from; word < end; word += 2) {
    words[word] = lo;
    words[word + 1] = hi;
    lo = (lo + 4096) | 0;
  }
}

/**
 * Writes entries until one is there already; gives its place, or the end.
 *
 * @param lo low half of the first entry; each next one is larger by the step
 */
export function writeRun(
  words: Int32Array,
  from: number,
  end: number,
  lo: number,
  hi: number,
  step: number,
): number {
  for (let word = from; word < end; word += 2) {
    if ((words[word] | words[word + 1]) !== 0) return word;
    words[word] = lo;
    words[word + 1] = hi;
    lo = (lo + step) | 0;
  }
  return end;
}
