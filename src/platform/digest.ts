import { createHash } from 'node:crypto';
import type { RemappingUnit } from '../hardware/unit.js';
import { FRAME_WORDS, type HostMemory } from '../memory/host-memory.js';
import { canonical } from './canonical.js';
import { kernelFacts } from './kernel-facts.js';
import type { Platform } from './platform.js';

/**
 * SHA-256, in hexadecimal, over all that can be seen of a platform: memory, registers, caches,
 * configuration spaces, the kernel's objects and the events still kept.
 *
 * Its name and origin are left out, so that a fork equals what it was forked from.
 */
export function digestOf(platform: Platform): string {
  const hash = createHash('sha256');
  const say = (what: string, value: unknown) => hash.update(`${what} ${canonical(value)}\n`);
  say('revision', platform.revision);
  for (const { frame, words } of writtenFrames(platform.machine.memory)) {
    hash.update(`frame ${frame}\n`);
    hash.update(words);
  }
  for (const unit of platform.machine.units) for (const fact of unitFacts(unit)) say(unit.name, fact);
  for (const fn of platform.machine.topology.functions.values()) say(fn.name, fn.config);
  for (const fact of kernelFacts(platform.kernel)) say('kernel', fact);
  const { events } = platform;
  say('events', [events.first, events.last]);
  for (let at = events.first; at <= events.last; at++) say('event', events.at(at));
  return hash.digest('hex');
}

/** Frames that hold anything: one that was written and cleared again is as one never written. */
function* writtenFrames(memory: HostMemory): Generator<{ frame: number; words: Int32Array }> {
  for (const { firstFrame, words } of memory.segments()) {
    for (let at = 0; at < words.length; at += FRAME_WORDS) {
      const frame = words.subarray(at, at + FRAME_WORDS);
      if (frame.some((word) => word !== 0)) yield { frame: firstFrame + at / FRAME_WORDS, words: frame };
    }
  }
}

function* unitFacts(unit: RemappingUnit): Generator<unknown> {
  for (const { name, value } of unit.registers()) yield [name, value];
  yield [unit.rootTable, unit.queueState()];
  const { context, pasid, iotlb, pagingStructure } = unit.caches;
  for (const cache of [context, pasid, iotlb, pagingStructure]) yield* cache.entries();
  yield* unit.interruptEntries();
  yield* unit.cacheEntries('DEVICE_TLB', Infinity);
}
