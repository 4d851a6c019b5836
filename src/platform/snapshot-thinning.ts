/** Snapshots of one platform at most; each is an image of it. */
export const MOST_KEPT = 8;

/**
 * Which of a platform's snapshots are kept, by revision and in order: the newest, and of the others those that leave the
 * shortest ways between them. The way to the first begins at boot.
 */
export function thinned(revisions: readonly number[]): number[] {
  const kept = [...revisions];
  while (kept.length > MOST_KEPT) {
    const without = kept.slice(0, -1).map((_, index) => kept[index + 1] - (kept[index - 1] ?? 0));
    kept.splice(without.indexOf(Math.min(...without)), 1);
  }
  return kept;
}
