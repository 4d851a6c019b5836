import type { ImportWarning } from './description.js';
import type { MachineParts } from './import.js';
import { FirmwareInputError } from './input-error.js';
import { type KernelOptionSetting, readKernelOptions } from './kernel-options.js';
import { textLines } from './text-lines.js';

/** Sections of a bundle that are parts of a machine. */
const PARTS: Readonly<Record<string, keyof MachineParts>> = {
  dmar: 'dmar',
  pci: 'pci',
  'iommu-groups': 'iommuGroups',
  'iommu-units': 'iommuUnits',
  'command-line': 'commandLine',
  'kernel-log': 'kernelLog',
  'mdev-types': 'mdevTypes',
  'mdev-devices': 'mdevDevices',
};
const OPTIONS = 'kernel-options';
/** For people to read; an import has no use for them. */
const FOR_PEOPLE = new Set(['kernel-release', 'vfio']);
/** Sections one bundle can have; a script that writes more is not ours. */
const MOST_SECTIONS = 64;
const MARKER = /^#iommu-graph (bundle|section|note|end)(?: (.*))?$/;

/** What one text bundle of a machine holds. */
export interface Bundle {
  readonly parts: MachineParts;
  /** Build options of the machine's kernel that the simulated one has too. */
  readonly kernelOptions: readonly KernelOptionSetting[];
  /** Line of the bundle at which each part starts, to find a line of a part by. */
  readonly starts: ReadonlyMap<keyof MachineParts, number>;
  readonly warnings: readonly ImportWarning[];
}

interface Section {
  readonly name: string;
  /** Line of its marker. */
  readonly line: number;
  readonly body: string[];
}

/**
 * Takes a bundle apart, as the capture script writes it: a heading, then sections, each behind a marker line,
 * then an end line. An empty section is a missing part.
 * @throws FirmwareInputError that names the line, when it is no bundle or a section comes twice.
 */
export function splitBundle(text: string): Bundle {
  const { sections, warnings } = sectionsOf(text);
  const parts: { -readonly [K in keyof MachineParts]: MachineParts[K] } = {};
  const starts = new Map<keyof MachineParts, number>();
  let kernelOptions: readonly KernelOptionSetting[] = [];
  for (const { name, line, body } of sections.values()) {
    const isEmpty = body.every((one) => one.trim() === '');
    if (isEmpty) continue;
    const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
    if (part !== undefined) {
      const content = body.join('\n');
      parts[part] = part === 'commandLine' ? content.trim() : `${content}\n`;
      starts.set(part, line + 1);
    } else if (name === OPTIONS) {
      const read = readKernelOptions(body.join('\n'));
      kernelOptions = read.options;
      for (const message of read.findings) warnings.push({ source: 'bundle', line, message });
    } else if (!FOR_PEOPLE.has(name)) {
      warnings.push({ source: 'bundle', line, message: `section ${name} is not known; ignored` });
    }
  }
  if (starts.size === 0) throw new FirmwareInputError('bundle', 'has no section with anything of a machine');
  return { parts, kernelOptions, starts, warnings };
}

function sectionsOf(text: string): { sections: Map<string, Section>; warnings: ImportWarning[] } {
  const warnings: ImportWarning[] = [];
  const warn = (line: number | null, message: string) => warnings.push({ source: 'bundle', line, message });
  const sections = new Map<string, Section>();
  let isOpen = false;
  let hasEnd = false;
  let current: Section | null = null;
  for (const { number, text: line } of textLines(text.replace(/^\ufeff/, ''))) {
    if (hasEnd) {
      if (line === '') continue;
      warn(number, 'text behind the end of the bundle; ignored');
      break;
    }
    const marker = line.startsWith('#iommu-graph') ? MARKER.exec(line) : null;
    if (!isOpen) {
      if (line === '') continue;
      requireHeading(number, marker);
      isOpen = true;
    } else if (!marker) {
      if (current) current.body.push(line);
      else if (line !== '') throw refusal(number, 'text in front of the first section');
    } else if (marker[1] === 'section') {
      current = openSection(sections, number, marker[2] ?? '');
    } else if (marker[1] === 'note') {
      const where = current ? `${current.name}: ` : '';
      warn(number, `${where}${(marker[2] ?? '').slice(0, 300)}`);
    } else if (marker[1] === 'end') hasEnd = true;
    else throw refusal(number, 'a second bundle begins; give one at a time');
  }
  if (!isOpen) throw new FirmwareInputError('bundle', 'is empty');
  if (!hasEnd) warn(null, 'has no end line; the last section may be cut short');
  return { sections, warnings };
}

function requireHeading(line: number, marker: RegExpExecArray | null): void {
  if (marker?.[1] !== 'bundle') {
    throw refusal(line, 'not a bundle of the capture script, which begins with "#iommu-graph bundle 1"');
  }
  if (marker[2] !== '1') {
    throw refusal(line, `a bundle of version ${(marker[2] ?? '').slice(0, 20)}; this reads version 1`);
  }
}

function openSection(sections: Map<string, Section>, line: number, name: string): Section {
  if (!/^[a-z0-9-]{1,40}$/.test(name)) throw refusal(line, `"${name.slice(0, 40)}" names no section`);
  const first = sections.get(name);
  if (first) throw refusal(line, `section ${name} was given before, in line ${first.line}`);
  if (sections.size === MOST_SECTIONS) throw refusal(line, `more than ${MOST_SECTIONS} sections`);
  const section: Section = { name, line, body: [] };
  sections.set(name, section);
  return section;
}

function refusal(line: number, message: string): FirmwareInputError {
  return new FirmwareInputError('bundle', `line ${line}: ${message}`);
}
