import type { HostFrame } from '../../bits/address.js';
import { flushDomain } from '../intel/flush-domain.js';
import { unitsOf } from '../intel/map.js';
import { KernelError } from '../errno.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelState } from '../state.js';

/** Ranges a queue holds: its ring of 256 is full with one place free. Linux: IOVA_FQ_SIZE. */
const CAPACITY = 255;
/** Milliseconds. Linux: IOVA_FQ_TIMEOUT. */
const TIMEOUT = 10;

/** What was unmapped and is in caches still: neither its addresses nor its tables are used again before. */
interface QueuedRange {
  readonly pfn: number;
  readonly freed: readonly HostFrame[];
}

/** Unmapped ranges of a domain that wait for one flush of all of it. Linux: struct iova_fq. */
export class FlushQueue {
  readonly entries: QueuedRange[] = [];
  /** When the timer flushes, in milliseconds; null while nothing waits. */
  dueAt: number | null = null;
}

/** Puts a range into the queue of its domain; a full one is flushed first. Linux: queue_iova(). */
export function enqueue(state: KernelState, domain: Domain, entry: QueuedRange): void {
  const queue = (domain.flushQueue ??= new FlushQueue());
  if (queue.entries.length === CAPACITY) flushQueue(state, domain, queue);
  queue.entries.push(entry);
  queue.dueAt ??= state.now + TIMEOUT;
  state.flushTimers.add(domain);
}

/**
 * Flushes the queues whose time has come. Time passes between commands only, so what a timer would have done
 * in the meantime is done when the next one begins. On a unit that does not complete its invalidations the
 * kernel's timer would spin for ever; here it comes again with the next command. Linux: fq_flush_timeout().
 */
export function runFlushTimers(state: KernelState): void {
  for (const domain of state.flushTimers) {
    const queue = domain.flushQueue;
    if (queue?.dueAt == null || state.now < queue.dueAt) continue;
    try {
      flushQueue(state, domain, queue);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
    }
  }
}

/** The domain goes, and with it what was to be flushed. Linux: free_iova_flush_queue(). */
export function dropQueue(state: KernelState, domain: Domain): void {
  for (const { freed } of domain.flushQueue?.entries ?? []) domain.table.release(freed);
  domain.flushQueue = null;
  state.flushTimers.delete(domain);
}

/** Linux: iommu_flush_iova(), fq_ring_free(). */
function flushQueue(state: KernelState, domain: Domain, queue: FlushQueue): void {
  for (const unit of unitsOf(domain)) flushDomain(state.profile, unit, domain);
  for (const { pfn, freed } of queue.entries) {
    domain.table.release(freed);
    domain.iovas?.release(pfn);
  }
  queue.entries.length = 0;
  queue.dueAt = null;
  state.flushTimers.delete(domain);
}
