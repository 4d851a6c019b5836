import { setImmediate } from 'node:timers/promises';
import type { PlatformHost } from '../platform/host.js';
import type { Platform } from '../platform/platform.js';

/** A search that yields where others may be served, and what it finds. */
export type Search<T> = Generator<null, T>;

/**
 * What a search of a platform finds. One that is over before it yields is answered at once. A longer one begins
 * again on the platform as it is now, kept still: however many commands others send meanwhile, its answer and what is
 * asked of the objects in it are of the same moment as the rest of the query.
 */
export function found<T>(
  host: PlatformHost,
  platform: Platform,
  search: (platform: Platform) => Search<T>,
): T | Promise<T> {
  const step = search(platform).next();
  return step.done === true ? step.value : findIn(host.still(platform), search);
}

async function findIn<T>(platform: Promise<Platform>, search: (platform: Platform) => Search<T>): Promise<T> {
  const steps = search(await platform);
  for (;;) {
    await setImmediate();
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
