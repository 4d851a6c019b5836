import { clearInterval, setInterval } from 'node:timers';

/** The longest that the event loop was kept from its turn during some work; looking costs a little. */
export async function longestHold(work) {
  let longest = 0;
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  await work();
  look();
  clearInterval(timer);
  return longest;
}
