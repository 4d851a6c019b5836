import { setImmediate } from 'node:timers/promises';
import { u64FromPfn } from '../../../src/bits/u64.js';
import type { Command } from '../../../src/platform/command.js';
import { inTheMidst } from '../../../src/platform/in-slices.js';
import type { Platform } from '../../../src/platform/platform.js';
import { anyCommand } from './any-commands.js';
import { DISK } from './small-machine.js';

/** Lets work that may pause do so wherever it can: every look at the clock finds that too much time went by. */
export function pausesEverywhere(): void {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
}

/** Resolves when a command rests in the middle of a platform. */
export async function untilInTheMidst(platform: Platform): Promise<void> {
  while (inTheMidst(platform) === null) await setImmediate();
}

const VPFN = 0x100000;

/** What makes the disk of a small machine a user's, in container 1. */
export function givenAway(platform: Platform): Command[] {
  const group = platform.kernel.devices.get(DISK)!.group!.number;
  return [
    { type: 'unbindDriver', device: DISK },
    { type: 'bindDriver', device: DISK, driver: 'vfio-pci' },
    { type: 'openContainer', userMemory: null },
    { type: 'addGroupToContainer', container: 1, group },
    { type: 'setContainerIommu', container: 1, iommuType: 3 },
  ];
}

/** A hundred megabytes and more of small pages, in the container with that number. */
export const vfioMap = (container: number, pages = 40_000): Command => ({
  type: 'vfioMapDma',
  container,
  iova: u64FromPfn(VPFN),
  vaddr: u64FromPfn(VPFN),
  size: u64FromPfn(pages),
  read: true,
  write: true,
});

export const vfioUnmap = (container: number, pages = 40_000): Command => ({
  type: 'vfioUnmapDma',
  container,
  iova: u64FromPfn(VPFN),
  size: u64FromPfn(pages),
  all: false,
});

/** Any command, or for a share of them one that takes many steps. */
export function anyLongCommand(platform: Platform, next: () => number, share: number): Command {
  if (next() >= share) return anyCommand(platform, next);
  const one = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)];
  const { kernel } = platform;
  const containers = [...kernel.vfio.containers.keys()];
  const domain = one([...kernel.domains.keys()].slice(-4));
  // Across two gigabytes, in pages of one size or another.
  const range = { iova: u64FromPfn(0x3f000), size: u64FromPfn(one([0x2000, 0x82000])) };
  return one<() => Command>([
    () => ({ type: 'map', domain, ...range, physical: u64FromPfn(one([0, 1])), read: true, write: true }),
    () => ({ type: 'unmap', domain, ...range }),
    () => vfioMap(containers.length > 0 ? one(containers) : 1, 30_000),
    () => vfioUnmap(containers.length > 0 ? one(containers) : 1, 30_000),
  ])();
}
