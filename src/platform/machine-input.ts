import { splitBundle } from '../firmware/bundle.js';
import type { ImportWarning, MachineDescription } from '../firmware/description.js';
import { describeMachine, type MachineParts } from '../firmware/import.js';
import { FirmwareInputError } from '../firmware/input-error.js';
import { limitWarnings } from '../firmware/limit-warnings.js';
import type { KernelOptionSetting } from '../firmware/kernel-options.js';
import { InvalidInputError } from './errors.js';

/** What was read off a machine: its parts, or one bundle of them. */
export interface MachineInput extends MachineParts {
  /** As the capture script writes it. */
  readonly bundle?: string;
}

export interface MachineRead {
  readonly description: MachineDescription;
  /** Build options the machine's own kernel has; a bundle can tell. */
  readonly kernelOptions: readonly KernelOptionSetting[];
  readonly warnings: readonly ImportWarning[];
}

/** A machine from parts or a bundle. What cannot be read is an InvalidInputError that names the part. */
export function readMachine({ bundle, ...parts }: MachineInput): MachineRead {
  const given = Object.keys(parts);
  if (bundle === undefined) {
    if (given.length > 0) return { ...describe(parts), kernelOptions: [] };
    throw new InvalidInputError(
      ['input'],
      'Give at least one part of a machine: dmar, pci, iommuUnits, kernelLog, or a bundle of them.',
    );
  }
  if (given.length > 0) {
    const message = `A bundle stands for all parts; leave out ${given.join(', ')} or the bundle.`;
    throw new InvalidInputError(['input', 'bundle'], message);
  }
  return readBundle(bundle);
}

function readBundle(text: string): MachineRead {
  const bundle = refusing(
    () => splitBundle(text),
    ({ message }) => message,
  );
  const { description, warnings } = refusing(
    () => describeMachine(bundle.parts),
    ({ source, message }) => {
      const start = bundle.starts.get(source as keyof MachineParts);
      return start === undefined ? message : `the part ${source}, which starts in line ${start}: ${message}`;
    },
  );
  return {
    description,
    kernelOptions: bundle.kernelOptions,
    warnings: [...limitWarnings(bundle.warnings), ...warnings],
  };
}

function describe(parts: MachineParts): ReturnType<typeof describeMachine> {
  try {
    return describeMachine(parts);
  } catch (error) {
    if (error instanceof FirmwareInputError)
      throw new InvalidInputError(['input', error.source], error.message);
    throw error;
  }
}

/** Runs a reader of a bundle; what it cannot read is the caller's bundle to mend. */
function refusing<T>(read: () => T, say: (error: FirmwareInputError) => string): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FirmwareInputError) throw new InvalidInputError(['input', 'bundle'], say(error));
    throw error;
  }
}
