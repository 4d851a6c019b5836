import { type EventFilter, eventTest } from '../../platform/event-filter.js';
import type { Platform } from '../../platform/platform.js';
import type { Accept } from './follow.js';

/** Filters of one platform that are kept; more than that only means less sharing. */
const MOST_KEPT = 256;

const tests = new WeakMap<Platform, Map<string, Accept>>();

/** The test for a filter: the same function for the same filter, so that its followers find together. */
export function sharedTest(platform: Platform, filter: EventFilter): Accept {
  let ofPlatform = tests.get(platform);
  if (ofPlatform === undefined) tests.set(platform, (ofPlatform = new Map()));
  const key = JSON.stringify(filter);
  const known = ofPlatform.get(key);
  if (known !== undefined) return known;
  const made = eventTest(platform, filter);
  if (ofPlatform.size >= MOST_KEPT) ofPlatform.clear();
  ofPlatform.set(key, made);
  return made;
}
