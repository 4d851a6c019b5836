import { setImmediate } from 'node:timers/promises';
import { FairTurn } from '../../src/platform/time-slice.js';

afterEach(() => jest.restoreAllMocks());

test('of many who rest, one goes on in a turn of the event loop when each uses up a slice, in the order they came', async () => {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const turn = new FairTurn();
  expect(turn.next()).toBeNull();
  now += 5;
  const seen: (number | 'turn')[] = [];
  let working = true;
  const others = (async () => {
    for (; working; seen.push('turn')) await setImmediate();
  })();
  const work = async (number: number) => {
    await turn.next();
    seen.push(number);
    now += 5;
  };
  await Promise.all([1, 2, 3, 4].map(work));
  working = false;
  await others;
  expect(seen.filter((one) => one !== 'turn')).toEqual([1, 2, 3, 4]);
  for (const [at, one] of seen.entries()) if (one !== 'turn') expect(seen[at + 1]).toBe('turn');
});
