import type { U64 } from '../../bits/u64.js';
import type { DmaRequest, WalkLevel, WalkStep, WalkTrace } from '../request.js';
import type { HostMemory } from '../../memory/host-memory.js';
import type { TranslationContext } from './context.js';
import { translationOf } from './translate.js';
import { Walk } from './walk.js';
import type { WalkObserver } from './walk-observer.js';

/**
 * The whole walk of a request, for people: the same rules over memory alone. No cache is asked or filled,
 * no fault recorded, no accessed bit set.
 */
export function traceRequest(unit: TranslationContext, request: DmaRequest): WalkTrace {
  const recorder = new StepRecorder(unit.memory);
  const walk = new Walk();
  walk.usesCaches = false;
  walk.commits = false;
  walk.observer = recorder;
  const result = translationOf(unit).probe(walk, request);
  return { steps: recorder.steps, result };
}

class StepRecorder implements WalkObserver {
  readonly steps: WalkStep[] = [];

  constructor(private readonly memory: HostMemory) {}

  visit(level: WalkLevel, index: number, frame: number, byte: number, words: number, present: boolean): void {
    const entryAddress = frame * 4096 + byte;
    const content: U64[] = [];
    for (let word = 0; word < words; word++) content.push(this.memory.load64(entryAddress + word * 8));
    this.steps.push({ level, index, entryAddress, words: content, present });
  }
}
