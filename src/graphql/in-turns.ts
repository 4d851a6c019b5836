import { setImmediate } from 'node:timers/promises';

/** Elements that are completed in one turn: with all that can be asked of them, some milliseconds. */
const A_TURN = 250;

/**
 * The elements of a long list, from the second turn on as promises, so that they are completed some at a time and
 * others are answered between. Whatever they are looked at by must stay as it is until then.
 */
export function inTurns<T>(elements: readonly T[]): readonly (T | Promise<T>)[] {
  let turn = Promise.resolve();
  return elements.map((element, index) => {
    if (index < A_TURN) return element;
    if (index % A_TURN === 0) turn = turn.then(() => setImmediate());
    return turn.then(() => element);
  });
}
