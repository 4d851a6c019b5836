/**
 * How often a property runs, and from which seed. The seed is fixed so that a failure is the same
 * failure everywhere; to search for new ones set `TWIN_SEED=random`, and `TWIN_FACTOR` for more cases.
 */
export function runs(cases: number): { readonly numRuns: number; readonly seed?: number } {
  const factor = Number(process.env.TWIN_FACTOR ?? 1);
  const seed = process.env.TWIN_SEED ?? '20201113';
  return { numRuns: Math.round(cases * factor), ...(seed === 'random' ? {} : { seed: Number(seed) }) };
}
