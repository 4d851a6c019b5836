import { u64FromPfn } from '../../bits/u64.js';
import { KernelError } from '../errno.js';
import { map } from '../iommu/map.js';
import { unmap } from '../iommu/unmap.js';
import type { KernelState } from '../state.js';
import type { VfioDma } from './dma-list.js';
import type { Type1, VfioContainer, VfioDomain } from './objects.js';
import { refusal } from '../refusal.js';
import { requireAddresses } from './update-vaddr.js';
import { Every, type Steps } from '../steps.js';
import { removeDma } from './unmap-unpin.js';

/** Runs after which others get a turn: as many megabytes, where the memory is that of a machine just booted. */
const RUNS_PER_STEP = 64;

/**
 * Makes a mapping real: pins run after run of contiguous pages and maps each into every domain. What fails
 * takes the whole mapping back. Linux: vfio_pin_map_dma().
 */
export function* pinMap(
  state: KernelState,
  container: VfioContainer,
  iommu: Type1,
  dma: VfioDma,
  pages: number,
): Steps<void> {
  const rest = new Every(RUNS_PER_STEP);
  try {
    while (dma.pages < pages) {
      const run = pinRun(state, container, dma, dma.pages, pages - dma.pages);
      requireLockable(state, container, iommu.dmas.pages + dma.pages + run.pages);
      yield* mapRun(state, iommu, dma, dma.pages, run);
      dma.pages += run.pages;
      if (rest.isOver) yield;
    }
  } catch (error) {
    if (error instanceof KernelError) yield* removeDma(state, iommu, dma);
    throw error;
  }
}

/** Maps everything a container has into a new domain, or nothing. Linux: vfio_iommu_replay(). */
export function* replay(
  state: KernelState,
  container: VfioContainer,
  iommu: Type1,
  target: VfioDomain,
): Steps<void> {
  const rest = new Every(RUNS_PER_STEP);
  requireAddresses(container, iommu.dmas.all(), 'vfio_iommu_replay');
  const done: { readonly pfn: number; readonly pages: number }[] = [];
  // What another domain has is pinned and counted.
  const isFirst = iommu.domains.length === 0;
  let locked = 0;
  try {
    for (const dma of iommu.dmas.all()) {
      for (let at = 0; at < dma.pages;) {
        const run = pinRun(state, container, dma, at, dma.pages - at);
        if (isFirst) requireLockable(state, container, (locked += run.pages));
        yield* mapInto(state, target, dma, at, run);
        done.push({ pfn: dma.pfn + at, pages: run.pages });
        at += run.pages;
        if (rest.isOver) yield;
      }
    }
  } catch (error) {
    if (error instanceof KernelError) yield* takeBack(state, target, done);
    throw error;
  }
}

function* takeBack(
  state: KernelState,
  target: VfioDomain,
  runs: readonly { readonly pfn: number; readonly pages: number }[],
): Steps<void> {
  const rest = new Every(RUNS_PER_STEP);
  for (const run of runs) {
    yield* unmapFrom(state, target, run);
    if (rest.isOver) yield;
  }
}

interface PinnedRun {
  readonly frame: number;
  readonly pages: number;
}

function pinRun(
  state: KernelState,
  container: VfioContainer,
  dma: VfioDma,
  at: number,
  left: number,
): PinnedRun {
  const wanted = state.vfio.parameters.disableHugepages ? 1 : left;
  return container.userMemory.pinRun(dma.vpfn + at, wanted, dma);
}

/** Keeps a process to the memory it may lock; the same page counts for each mapping. Linux: vfio_pin_pages_remote(). */
function requireLockable(state: KernelState, container: VfioContainer, pages: number): void {
  const { lockLimit } = container.userMemory;
  if (lockLimit === null || pages <= lockLimit) return;
  state.log.print(`vfio_pin_pages_remote: RLIMIT_MEMLOCK (${lockLimit * 4096}) exceeded`);
  const rule = `The process of container ${container.number} may lock ${lockLimit * 4096} bytes, and its mappings would pin more.`;
  throw refusal('ENOMEM', 'vfio_pin_pages_remote', rule, {
    code: 'MEMORY_LOCK_LIMIT',
    subject: container.subject,
    remedy: 'Raise RLIMIT_MEMLOCK of the process to all the memory it maps, or give it CAP_IPC_LOCK.',
  });
}

/** Linux: vfio_iommu_map(). */
function* mapRun(state: KernelState, iommu: Type1, dma: VfioDma, at: number, run: PinnedRun): Steps<void> {
  const mapped: VfioDomain[] = [];
  try {
    for (const each of iommu.domains) {
      yield* mapInto(state, each, dma, at, run);
      mapped.push(each);
    }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    for (const each of mapped.reverse())
      yield* unmapFrom(state, each, { pfn: dma.pfn + at, pages: run.pages });
    throw error;
  }
}

function mapInto(
  state: KernelState,
  target: VfioDomain,
  dma: VfioDma,
  at: number,
  run: PinnedRun,
): Steps<unknown> {
  return map(state, target.domain, {
    iova: u64FromPfn(dma.pfn + at),
    physical: u64FromPfn(run.frame),
    size: u64FromPfn(run.pages),
    read: dma.read,
    write: dma.write,
    cache: target.cache,
  });
}

function unmapFrom(
  state: KernelState,
  { domain }: VfioDomain,
  run: { readonly pfn: number; readonly pages: number },
): Steps<unknown> {
  return unmap(state, domain, { iova: u64FromPfn(run.pfn), size: u64FromPfn(run.pages) });
}
