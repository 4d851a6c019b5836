import { comparePciAddress, formatPciAddress } from '../../bits/pci-address.js';
import type { ImportWarning, PciFunctionDescription, ReportedGroup } from '../description.js';
import { GroupCollector } from '../group-collector.js';
import { FirmwareInputError } from '../input-error.js';
import { showsCapabilities } from './capability-text.js';
import { dumpOf } from './dump.js';
import { parseHeading } from './heading.js';
import type { LspciHeading } from './heading.js';
import { placeRecords } from './paths.js';
import { lspciRecords } from './records.js';
import type { LspciRecord } from './records.js';
import { linkVirtualFunctions, markMultiFunction } from './relations.js';
import type { ListedFunction } from './relations.js';
import { listingGaps } from './gaps.js';
import type { ConfigSource } from './gaps.js';
import { synthesize } from './synthesize.js';

export interface LspciListing {
  /** Sorted by address. */
  readonly functions: readonly PciFunctionDescription[];
  /** From `IOMMU group:` lines; empty when there are none. */
  readonly groups: readonly ReportedGroup[];
  readonly warnings: readonly ImportWarning[];
}

interface ParsedFunction extends ListedFunction {
  readonly record: LspciRecord;
  readonly heading: LspciHeading;
  readonly source: ConfigSource;
}

/**
 * Functions from the text of `lspci`: hex dumps as they are, verbose text as far as it goes, plain lists
 * as ids and names only. What the kind of listing leaves unknown is said once, not per function.
 */
export function parseLspci(text: string): LspciListing {
  const warnings: ImportWarning[] = [];
  const warn = (line: number | null, message: string) => warnings.push({ source: 'pci', line, message });
  const parsed = new Map<string, ParsedFunction>();
  const { records, unplaced } = placeRecords(lspciRecords(text));
  if (unplaced.length > 0) warn(unplaced[0].line, leftOut(unplaced.length));
  for (const record of records) {
    const name = formatPciAddress(record.address);
    const first = parsed.get(name);
    if (first) warn(record.line, `${name} was listed before, in line ${first.record.line}; ignored`);
    else if (parsed.size < MOST_FUNCTIONS) parsed.set(name, parseFunction(record, warn));
    else throw new FirmwareInputError('pci', `line ${record.line}: more than ${MOST_FUNCTIONS} functions`);
  }
  if (parsed.size === 0)
    throw new FirmwareInputError('pci', 'no line starts with a PCI address as lspci prints it');
  const functions = [...parsed.values()].sort((a, b) => comparePciAddress(a.address, b.address));
  linkVirtualFunctions(functions);
  markMultiFunction(functions);
  for (const gap of listingGaps(functions)) warn(null, gap);
  return {
    functions: functions.map(({ record, heading, address, config, physicalFunction }) => ({
      address,
      config,
      vendorName: heading.vendorName,
      deviceName: heading.deviceName,
      className: heading.className,
      driver: detailOf(record, DRIVER),
      physicalFunction,
      mdevTypes: [],
    })),
    groups: groupsOf(functions),
    warnings,
  };
}

/** More than any machine has; each function costs up to 4096 bytes of memory. */
const MOST_FUNCTIONS = 16384;
const leftOut = (count: number) =>
  `functions behind bridges that do not show their bus (lspci -P without -v or -x): ${count}, left out; use lspci -PP`;
const DRIVER = /^\s+Kernel driver in use: (\S+)/;
/** A line of its own with -vv, at the end of the flags with -v. */
const GROUP = /^\s+(?:IOMMU group: |Flags: .*, IOMMU group )(\d{1,9})\b/;

function detailOf(record: LspciRecord, pattern: RegExp): string | null {
  for (const { text } of record.details) {
    const match = pattern.exec(text);
    if (match) return match[1];
  }
  return null;
}

function parseFunction(record: LspciRecord, warn: (line: number, message: string) => void): ParsedFunction {
  const heading = parseHeading(record.heading);
  const { config: dump, findings } = dumpOf(record);
  for (const { line, message } of findings) warn(line, message);
  const base = { record, heading, address: record.address, physicalFunction: null };
  if (dump && (dump.length === 4096 || !showsCapabilities(record))) {
    return { ...base, config: dump, source: 'DUMP', isSynthetic: false };
  }
  const synthesis = synthesize(record, heading);
  for (const { line, message } of synthesis.findings) warn(line, message);
  if (!dump) return { ...base, config: synthesis.config, source: 'TEXT', isSynthetic: true };
  if (dump.length >= synthesis.config.length) {
    return { ...base, config: dump, source: 'DUMP', isSynthetic: false };
  }
  synthesis.config.set(dump);
  return { ...base, config: synthesis.config, source: 'BOTH', isSynthetic: false };
}

function groupsOf(functions: readonly ParsedFunction[]): ReportedGroup[] {
  const groups = new GroupCollector();
  for (const { record, address } of functions) {
    const group = detailOf(record, GROUP);
    if (group !== null) groups.add(Number(group), address);
  }
  return groups.groups();
}
