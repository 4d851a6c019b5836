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

test('who has used up a turn goes on after those who came meanwhile', async () => {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const turn = new FairTurn();
  const seen: string[] = [];
  const work = async (name: string, pieces: number) => {
    for (let piece = 0; piece < pieces; piece++) {
      await turn.next();
      seen.push(name);
      now += 5;
    }
  };
  await Promise.all([work('long', 4), work('short', 1), work('other', 1)]);
  expect(seen).toEqual(['long', 'short', 'other', 'long', 'long', 'long']);
});
