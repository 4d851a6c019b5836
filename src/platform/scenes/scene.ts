import type { MachineDescription } from '../../firmware/description.js';
import type { Errno } from '../../kernel/errno.js';
import type { Command } from '../command.js';
import type { KernelChoice } from '../kernel-choice.js';
import type { Platform } from '../platform.js';

/** One command of a scene. */
export interface Step {
  /** What it stands for, in one sentence. */
  readonly says: string;
  /** Objects that get their numbers on the way are looked up on the platform as it then is. */
  readonly command: (platform: Platform) => Command;
  /** The kernel refuses it, and that is part of the story. */
  readonly isRefused?: true;
}

/** How a scene ends: with a request the hardware refuses, or a call the kernel does. */
export type Ending =
  | {
      readonly kind: 'FAULT';
      /** Code of the most likely cause. */
      readonly verdict: string;
      /** The line the kernel prints. */
      readonly logLine: string;
    }
  | {
      readonly kind: 'REFUSAL';
      readonly errno: Errno;
      /** The kernel function that refuses. */
      readonly mirrors: string;
      /** Code of the blocker. */
      readonly verdict: string;
      /** The line the kernel prints; null when it prints none. */
      readonly logLine: string | null;
    };

/** A trouble somebody had, as a machine, a kernel and commands that show it again. */
export interface Scene {
  /** Lower case and dashes. */
  readonly name: string;
  readonly title: string;
  /** What was seen, and what it was. */
  readonly story: string;
  /** Where it was told in public. */
  readonly thread: string;
  readonly machine: () => MachineDescription;
  readonly kernel: KernelChoice;
  /** The last one is what fails. */
  readonly steps: readonly Step[];
  readonly ending: Ending;
}
