import { u64FromNumber } from '../../src/bits/u64.js';
import { SEGMENT_FRAMES_LG2 } from '../../src/memory/host-memory.js';
import { ahead } from '../../src/platform/ahead.js';
import type { Command } from '../../src/platform/command.js';
import { digestOf } from '../../src/platform/digest.js';
import { platformAfter, smallHeader } from '../support/platform/small-machine.js';

const GIB = 2 ** 30;

/** In pages of 4 KiB, for the two sides are not aligned alike; or in large ones. */
const map = (bytes: number, physical: number): Command => ({
  type: 'map',
  domain: 1,
  iova: u64FromNumber(GIB),
  physical: u64FromNumber(physical),
  size: u64FromNumber(bytes),
  read: true,
  write: true,
});

test('having memory ready for a large mapping changes nothing that can be seen', async () => {
  const platform = platformAfter(smallHeader(), []);
  const used = platform.kernel.tableMemoryUsed;
  const digest = digestOf(platform);
  await ahead(platform, map(2 * GIB, 4096));
  expect(digestOf(platform)).toBe(digest);
  expect(platform.kernel.tableMemoryUsed).toBe(used);
});

test('there is as much of it as there are tables left, and none for small mappings or large pages', async () => {
  const { kernel } = platformAfter(smallHeader(), []);
  const header = smallHeader({ kernel: { tableMemory: kernel.tableMemoryUsed + 600 * 4096 } });
  const small = platformAfter(header, []);
  const steps = [...small.kernel.makeTablesReady(1e6)].length;
  // 600 frames lie in so many segments, or in one more where they do not begin with one.
  const least = Math.ceil(600 / 2 ** SEGMENT_FRAMES_LG2);
  expect(steps).toBeGreaterThanOrEqual(least);
  expect(steps).toBeLessThanOrEqual(least + 1);
  await ahead(small, map(1000 * GIB, 4096));
  expect(ahead(small, map(GIB / 4, 4096))).toBeNull();
  expect(ahead(small, map(64 * GIB, 0))).toBeNull();
  expect(ahead(small, { type: 'rescanBus' })).toBeNull();
});
