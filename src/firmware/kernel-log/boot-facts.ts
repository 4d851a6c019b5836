import { parseHex, toHex } from '../../bits/u64.js';
import type { U64 } from '../../bits/u64.js';
import type { ReportedGroup } from '../description.js';
import { GroupCollector } from '../group-collector.js';
import { textLines } from '../text-lines.js';
import type { TextLine } from '../text-lines.js';
import { groupChange } from './group-line.js';
import { parseUnitLine } from './units.js';
import type { LoggedUnit } from './units.js';

/** What a kernel log says about the machine it booted on. */
export interface BootFacts {
  /** `6.1.0-56-amd64`; null when the log does not start at boot. */
  readonly release: string | null;
  readonly commandLine: string | null;
  /** One per register base, first mention first. */
  readonly units: readonly LoggedUnit[];
  readonly hostAddressWidth: number | null;
  /** `DRHD base:` lines in order; a kernel that refuses a table stops in the middle. */
  readonly drhds: readonly { readonly base: U64; readonly includeAll: boolean; readonly line: number }[];
  /** Groups as the kernel announced them while booting. */
  readonly groups: readonly ReportedGroup[];
  /** Lines in which the kernel complains about the DMAR table. */
  readonly complaints: readonly TextLine[];
  /** Whether the processors have 32-bit interrupt ids; null when nothing said tells. */
  readonly x2apic: boolean | null;
}

const RELEASE = /\bLinux version (\S+)/;
const COMMAND_LINE = /\b(?:Kernel c|C)ommand line: (.*)$/;
const ADDRESS_WIDTH = /\bDMAR: Host address width (\d{1,3})$/;
const DRHD = /\bDMAR: DRHD base: (0x[0-9a-f]{1,16}) flags: 0x([0-9a-f]{1,2})/;
const COMPLAINT = /\bDMAR: (?:\[Firmware Bug\]: |Parse DMAR table failure|Invalid DMAR haw|No DRHD)/;

/** Said only where the processors have 32-bit ids, be they used or not. */
const X2APIC =
  /\bx2apic enabled\b|\bx2apic: enabled by BIOS|x2apic is disabled because BIOS|\bdoes not support EIM$|Enabled IRQ remapping in x2apic mode/;
const XAPIC = /\bEnabled IRQ remapping in xapic mode/;

/** Reads a log line by line, with or without time stamps, levels and a syslog prefix. */
export function bootFacts(text: string): BootFacts {
  let release: string | null = null;
  let commandLine: string | null = null;
  let hostAddressWidth: number | null = null;
  let x2apic: boolean | null = null;
  const units = new Map<string, LoggedUnit>();
  const drhds: { base: U64; includeAll: boolean; line: number }[] = [];
  const complaints: TextLine[] = [];
  const groups = new GroupCollector();
  for (const line of textLines(text)) {
    release ??= RELEASE.exec(line.text)?.[1] ?? null;
    commandLine ??= COMMAND_LINE.exec(line.text)?.[1].trim() ?? null;
    const unit = parseUnitLine(line);
    if (unit && !units.has(toHex(unit.registerBase))) units.set(toHex(unit.registerBase), unit);
    const width = ADDRESS_WIDTH.exec(line.text);
    if (width) hostAddressWidth ??= Number(width[1]);
    const drhd = DRHD.exec(line.text);
    const base = drhd && parseHex(drhd[1]);
    if (base) drhds.push({ base, includeAll: (parseInt(drhd[2], 16) & 1) !== 0, line: line.number });
    if (COMPLAINT.test(line.text)) complaints.push(line);
    if (X2APIC.test(line.text)) x2apic = true;
    else if (XAPIC.test(line.text)) x2apic ??= false;
    const change = groupChange(line.text);
    if (change?.group != null) groups.add(change.group, change.address);
    else if (change) groups.remove(change.address);
  }
  return {
    release,
    commandLine,
    units: [...units.values()],
    hostAddressWidth,
    drhds,
    groups: groups.groups(),
    complaints,
    x2apic,
  };
}
