import type { KernelSubject } from '../../kernel/errno.js';
import type { Command } from '../command.js';
import type { FaultCase } from './fault-case.js';

/** Commands that mend something. */
export type RemedyCommand = Extract<
  Command,
  {
    type:
      'map' | 'unmap' | 'attach' | 'enableFeature' | 'setContainerIommu' | 'pokeMemory' | 'submitDescriptor';
  }
>;

/** A way to mend the cause. */
export interface Remedy {
  /** One or two sentences: what to do, and what it costs. */
  readonly text: string;
  /** What to send for it, in this order; none when it is done in a driver, a boot line or the firmware. */
  readonly commands: readonly RemedyCommand[];
  /** It lets a device reach more than it has to. */
  readonly weakensIsolation: boolean;
}

/** A cause that would explain a fault. */
export interface Hypothesis {
  /** Stable upper-case word, for programs. */
  readonly code: string;
  /** How sure, 1 to 100: see {@link CONFIDENCE}. */
  readonly confidence: number;
  /** What happened, naming the objects. */
  readonly explanation: string;
  /** The facts it rests on, one sentence each. */
  readonly evidence: readonly string[];
  /** What to look at. */
  readonly subject: KernelSubject | null;
  /** The best first; empty when nothing mends it. */
  readonly remedies: readonly Remedy[];
}

/**
 * What a rule may claim. A rule that only knows the reason code is never surer than one that found the fact
 * behind it, whichever of them runs first.
 */
export const CONFIDENCE = {
  /** The facts leave no other cause. */
  CERTAIN: 95,
  /** A fact of this very page, requester or entry points here. */
  STRONG: 80,
  /** Facts around it point here. */
  LIKELY: 60,
  /** The reason code alone says so. */
  PLAUSIBLE: 40,
  /** Not excluded. */
  POSSIBLE: 20,
} as const;

/** Gives the hypothesis of one cause; null when the facts contradict it. */
export type CauseRule = (fault: FaultCase) => Hypothesis | null;

/** A remedy that is not a command. */
export function advice(text: string, weakensIsolation = false): Remedy {
  return { text, commands: [], weakensIsolation };
}
