import { setImmediate } from 'node:timers/promises';
import { FewAtOnce, FewOfEach } from '../../src/platform/few-at-once.js';

test('so many go on at once, and those who wait are called in as they came', async () => {
  const few = new FewAtOnce(3);
  const order: number[] = [];
  let going = 0;
  let most = 0;
  const work = async (number: number) => {
    order.push(number);
    most = Math.max(most, ++going);
    for (let turn = 0; turn <= number % 3; turn++) await setImmediate();
    going--;
    return number;
  };
  const numbers = Array.from({ length: 20 }, (_, number) => number);
  expect(await Promise.all(numbers.map((number) => few.run(() => work(number))))).toEqual(numbers);
  expect(order).toEqual(numbers);
  expect(most).toBe(3);
});

test('work that fails makes room all the same', async () => {
  const few = new FewAtOnce(1);
  const fails = () => few.run(() => Promise.reject(new Error('no')));
  await Promise.all([expect(fails()).rejects.toThrow('no'), expect(fails()).rejects.toThrow('no')]);
  expect(await few.run(() => Promise.resolve('done'))).toBe('done');
});

test('what is done for one waits for nothing that is done for another', async () => {
  const few = new FewOfEach<object>(1);
  const [busy, idle] = [{}, {}];
  let end = () => {};
  const long = few.run(busy, () => new Promise<void>((resolve) => (end = resolve)));
  const waiting = few.run(busy, () => Promise.resolve('after'));
  expect(await few.run(idle, () => Promise.resolve('at once'))).toBe('at once');
  end();
  await long;
  expect(await waiting).toBe('after');
});
