import fc from 'fast-check';
import { MOST_KEPT, thinned } from '../../src/platform/snapshot-thinning.js';

test('of few snapshots all are kept', () => {
  const revisions = Array.from({ length: MOST_KEPT }, (_, index) => index + 1);
  expect(thinned(revisions)).toEqual(revisions);
});

test('however a platform grows, the newest stays, and no way between two, or from boot, is a third of its life', () => {
  // As far apart as they are taken: 20,000 commands, later an eighth of all, at most 100,000; and then some.
  const delays = fc.array(fc.double({ min: 1, max: 1.5, noNaN: true }), { minLength: 20, maxLength: 80 });
  fc.assert(
    fc.property(delays, (drawn) => {
      let kept: number[] = [];
      let revision = 0;
      for (const delay of drawn) {
        revision += Math.floor(delay * Math.max(20_000, Math.min(100_000, revision / 8)));
        kept = thinned([...kept, revision]);
        expect(kept.length).toBeLessThanOrEqual(MOST_KEPT);
        expect(kept.at(-1)).toBe(revision);
        if (kept.length < MOST_KEPT) continue;
        const ways = kept.map((each, index) => each - (kept[index - 1] ?? 0));
        expect(Math.max(...ways)).toBeLessThan(revision / 3);
      }
    }),
  );
});
