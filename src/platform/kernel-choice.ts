import { type U64, u64ToNumber } from '../bits/u64.js';
import type { KernelConfig } from '../kernel/config.js';
import { InvalidInputError } from './errors.js';

/** What a user may say of the kernel; everything left out takes the kernel the series was posted for. */
export interface KernelChoice {
  readonly profile?: KernelConfig['profile'];
  /** Appended to the machine's own command line. */
  readonly commandLine?: string;
  readonly options?: readonly { readonly name: string; readonly value: string }[];
  readonly subdeviceModel?: KernelConfig['subdeviceModel'];
  readonly parentLookup?: KernelConfig['parentLookup'];
  readonly auxRequirement?: KernelConfig['auxRequirement'];
  readonly busOrganisation?: KernelConfig['busOrganisation'];
  readonly dmaEntryLimit?: number;
  readonly tableMemory?: U64;
}

/** Tables that map 512 GiB in pages of 4 KiB. */
const TABLE_MEMORY = 2 ** 30;
/** Told in some tenths of a second: 128 MiB in pages of 4 KiB. */
const TELLS_PER_COMMAND = 2 ** 15;
/** Room for what a kernel makes while it boots, and for some domains. */
const LEAST_TABLE_MEMORY = 2 ** 24;

/** Joins a machine's command line and a user's choice into a whole configuration. */
export function kernelConfig(machineCommandLine: string, choice: KernelChoice): KernelConfig {
  const options: Record<string, string> = {};
  for (const { name, value } of choice.options ?? []) {
    const full = name.startsWith('CONFIG_') ? name : `CONFIG_${name}`;
    if (!/^CONFIG_[A-Z0-9_]{1,80}$/.test(full)) {
      throw new InvalidInputError(
        ['input', 'kernel', 'options'],
        `"${name}" is not the name of a build option.`,
      );
    }
    if (!/^(y|n|m|-?\d{1,15})$/.test(value)) {
      throw new InvalidInputError(
        ['input', 'kernel', 'options'],
        `${full} cannot be "${value}": give y, n, m or a number.`,
      );
    }
    options[full] = value;
  }
  const dmaEntryLimit = choice.dmaEntryLimit ?? 65535;
  if (dmaEntryLimit < 0) {
    throw new InvalidInputError(
      ['input', 'kernel', 'dmaEntryLimit'],
      `dmaEntryLimit is ${dmaEntryLimit}; give 0 or more.`,
    );
  }
  const tableMemory = choice.tableMemory === undefined ? TABLE_MEMORY : u64ToNumber(choice.tableMemory);
  if (tableMemory < LEAST_TABLE_MEMORY) {
    throw new InvalidInputError(
      ['input', 'kernel', 'tableMemory'],
      `tableMemory is ${tableMemory} bytes; give ${LEAST_TABLE_MEMORY} (16 MiB) or more.`,
    );
  }
  return {
    profile: choice.profile ?? 'V5_10',
    commandLine: [machineCommandLine, choice.commandLine ?? '']
      .map((part) => part.trim())
      .filter(Boolean)
      .join(' '),
    options,
    subdeviceModel: choice.subdeviceModel ?? 'MDEV_BUS_OPS',
    parentLookup: choice.parentLookup ?? 'MDEV_BUS_ONLY',
    auxRequirement: choice.auxRequirement ?? 'FALL_BACK_TO_PRIMARY',
    busOrganisation: choice.busOrganisation ?? 'ONE_OPS_PER_BUS',
    dmaEntryLimit,
    tableMemory,
    tellsPerCommand: TELLS_PER_COMMAND,
  };
}
