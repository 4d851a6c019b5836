import { describeMachine } from '../../src/firmware/import.js';
import { type Errno, KernelError } from '../../src/kernel/errno.js';
import { groupTypeWord } from '../../src/kernel/iommu/group-type.js';
import type { Command } from '../../src/platform/command.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { Platform } from '../../src/platform/platform.js';
import { readBytes, readText } from '../firmware/support/real-data.js';

/** A recorded answer beside the one given here. */
export interface Compared {
  readonly what: string;
  readonly recorded: string;
  readonly here: string;
}

/** The platform of a recorded machine, under the kernel it was recorded on. */
export function platformOfCapture(folder: string): Platform {
  const { description } = describeMachine({
    dmar: Buffer.from(readBytes(`${folder}/DMAR.bin`)).toString('base64'),
    pci: readText(`${folder}/lspci-xxxx.txt`),
    iommuGroups: readText(`${folder}/iommu_groups.txt`),
    kernelLog: readText(`${folder}/dmesg.txt`),
  });
  return new Platform({
    name: 'evidence',
    origin: 'IMPORTED',
    createdAt: 0,
    description: {
      ...description,
      // A dump in hexadecimal does not name drivers; the list of functions beside it does.
      functions: description.functions.map((fn) => ({
        ...fn,
        driver: driversOf(folder).get(nameOf(fn)) ?? null,
      })),
    },
    kernel: kernelConfig(description.commandLine, { profile: 'V6_1' }),
    warnings: [],
  });
}

function nameOf({ address }: { address: { domain: number; bus: number; device: number; function: number } }) {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return `${hex(address.domain, 4)}:${hex(address.bus, 2)}:${hex(address.device, 2)}.${address.function}`;
}

function driversOf(folder: string): Map<string, string> {
  const lines = readText(`${folder}/pci_devices.txt`).matchAll(/^(\S+) .* driver=(\S+) /gm);
  return new Map([...lines].map(([, name, driver]) => [name, driver]));
}

/** Performs a command: 0, or the errno a shell would show as text. */
export function shellAnswer(platform: Platform, command: Command, time = 0): string {
  const { result } = platform.apply({ command, time });
  if (result.ok) return '';
  if (result.error instanceof KernelError) return ERROR_TEXT[result.error.errno] ?? result.error.errno;
  throw result.error;
}

const ERROR_TEXT: Partial<Record<Errno, string>> = {
  EBUSY: 'Device or resource busy',
  EINVAL: 'Invalid argument',
  ENOSPC: 'No space left on device',
  EEXIST: 'File exists',
};

/** The word the file `type` of a group shows. */
export function typeWord(platform: Platform, group: number): string {
  return groupTypeWord(platform.kernel.groups.get(group)!);
}

/** All groups in the form the captures have: number, type, members by address, reserved regions. */
export function groupsText(platform: Platform): string {
  return [...platform.kernel.groups.values()]
    .sort((a, b) => a.number - b.number)
    .map((group) =>
      [
        `group ${group.number}`,
        `  type: ${typeWord(platform, group.number)}`,
        `  devices: ${group.members
          .map(({ name }) => `${name} `)
          .sort()
          .join('')}`,
        '  reserved_regions:',
        ...platform.kernel
          .groupReservedRegions(group)
          .map(({ start, last, type }) => `    ${word(start)} ${word(last)} ${RESERVED[type]}`),
      ].join('\n'),
    )
    .join('\n');
}

const RESERVED = {
  DIRECT: 'direct',
  DIRECT_RELAXABLE: 'direct-relaxable',
  RESERVED: 'reserved',
  MSI: 'msi',
  SW_MSI: 'msi',
} as const;

function word({ hi, lo }: { readonly hi: number; readonly lo: number }): string {
  const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
  return `0x${hex(hi)}${hex(lo)}`;
}

/** Lines of the kernel log about groups and types, without time stamps. */
export function groupLines(lines: readonly string[]): string[] {
  return lines
    .map((line) => line.replace(/^(?:<\d+>)?\[[^\]]*\] /, ''))
    .filter((line) =>
      /(?:Adding to|Removing from) iommu group|^iommu: (?:Device is|Cannot change)/.test(line),
    );
}
