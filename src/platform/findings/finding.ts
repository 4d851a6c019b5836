import type { Machine } from '../../hardware/machine.js';
import type { KernelSubject } from '../../kernel/errno.js';
import type { Kernel } from '../../kernel/kernel.js';
import type { RefusedSubdevice } from '../platform.js';
import type { DmarTable } from '../../layout/dmar/table.js';

/** INFO: worth knowing; WARNING: something will not work or is less isolated; ERROR: something is broken now. */
export type Severity = 'INFO' | 'WARNING' | 'ERROR';

/** Something about a machine that people trip over. */
export interface Finding {
  /** Stable upper-case word, for programs. */
  readonly code: string;
  readonly severity: Severity;
  /** One or two sentences that name the object and the rule. */
  readonly message: string;
  /** Null: the platform itself. */
  readonly subject: KernelSubject | null;
  /** What mends it; null when nothing does, or nothing need. */
  readonly remedy: string | null;
}

/** What rules look at. */
export interface Inspected {
  readonly kernel: Kernel;
  readonly machine: Machine;
  readonly dmar: DmarTable | null;
  /** Subdevices an import had and the kernel here does not make; none when left out. */
  readonly refusedSubdevices?: readonly RefusedSubdevice[];
}

/** Gives the findings of one kind, in a stable order. */
export type FindingRule = (inspected: Inspected) => Iterable<Finding>;
