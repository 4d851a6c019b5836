import { createHash } from 'node:crypto';
import type { RemappingUnit } from '../hardware/unit.js';
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
  for (const { frame, bytes } of platform.machine.memory.writtenFrames()) {
    hash.update(`frame ${frame}\n`);
    hash.update(bytes);
  }
  for (const unit of platform.machine.units) for (const fact of unitFacts(unit)) say(unit.name, fact);
  for (const fn of platform.machine.topology.functions.values()) say(fn.name, fn.config);
  for (const fact of kernelFacts(platform.kernel)) say('kernel', fact);
  const { events } = platform;
  say('events', [events.first, events.last]);
  for (let at = events.first; at <= events.last; at++) say('event', events.at(at));
  return hash.digest('hex');
}

function* unitFacts(unit: RemappingUnit): Generator<unknown> {
  for (const { name, value } of unit.registers()) yield [name, value];
  yield [unit.rootTable, unit.queueState()];
  const { context, pasid, iotlb, pagingStructure } = unit.caches;
  for (const cache of [context, pasid, iotlb, pagingStructure]) yield* cache.entries();
  yield* unit.interruptEntries();
  yield* unit.cacheEntries('DEVICE_TLB', Infinity);
}
