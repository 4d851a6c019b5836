import { formatPciAddress } from '../bits/pci-address.js';
import type { DmarTable } from '../layout/dmar/table.js';
import { chooseUnits } from './choose-units.js';
import type {
  ImportWarning,
  MachineDescription,
  PciFunctionDescription,
  ReportedGroup,
  UnitDescription,
} from './description.js';
import { checkScopes } from './dmar/check-scopes.js';
import { checkTable } from './dmar/check.js';
import { parseDmar } from './dmar/parse.js';
import { dmarBytes } from './dmar/text.js';
import { parseIommuGroups } from './iommu-groups.js';
import { parseIommuUnits } from './iommu-units.js';
import { bootFacts } from './kernel-log/boot-facts.js';
import type { BootFacts } from './kernel-log/boot-facts.js';
import { checkLog } from './kernel-log/check.js';
import { limitWarnings } from './limit-warnings.js';
import { applyMdev } from './mdev/apply.js';
import { parseMdev } from './mdev/parse.js';
import { parseLspci } from './lspci/parse.js';
import type { LspciListing } from './lspci/parse.js';

/** Texts read on one machine; each may be missing. */
export interface MachineParts {
  /** Base64 of the table, an acpidump, or a disassembly with raw data. */
  readonly dmar?: string;
  /** Any text `lspci` prints. */
  readonly pci?: string;
  readonly iommuGroups?: string;
  readonly iommuUnits?: string;
  readonly kernelLog?: string;
  /** Any listing of subdevice types: mdevctl, sysfs, the capture script. */
  readonly mdevTypes?: string;
  /** The same of subdevices that exist. */
  readonly mdevDevices?: string;
  /** /proc/cmdline; outranks what the log says, which may not reach back to the boot. */
  readonly commandLine?: string;
}

/**
 * A machine from what people can copy off it. What is missing, assumed or contradictory is said in the
 * warnings; nothing is left out silently.
 * @throws FirmwareInputError when a part is not what it is said to be.
 */
export function describeMachine(parts: MachineParts): {
  description: MachineDescription;
  warnings: ImportWarning[];
} {
  const warnings: ImportWarning[] = [];
  const add = (found: readonly ImportWarning[]) => found.forEach((warning) => warnings.push(warning));
  const keep = <T extends { readonly warnings: readonly ImportWarning[] }>(result: T): T => {
    add(result.warnings);
    return result;
  };
  const missing = (source: keyof MachineParts, message: string) => {
    warnings.push({ source, line: null, message });
  };
  const dmar = parts.dmar === undefined ? null : keep(parseDmar(dmarBytes(parts.dmar))).table;
  if (dmar) add(checkTable(dmar));
  else missing('dmar', 'no DMAR table given: the machine gets no remapping unit');
  const listing = parts.pci === undefined ? null : keep(parseLspci(parts.pci));
  if (!listing) missing('pci', 'no PCI listing given: the machine gets no devices');
  const facts = parts.kernelLog === undefined ? null : factsOf(parts.kernelLog, parts.commandLine);
  if (facts) add(checkLog(facts, dmar));
  else missing('kernelLog', NO_LOG[parts.commandLine === undefined ? 'unknown' : 'known']);
  if (dmar && listing) add(checkScopes(dmar, listing.functions));
  const listed = parts.iommuUnits === undefined ? null : keep(parseIommuUnits(parts.iommuUnits)).units;
  const groups = parts.iommuGroups === undefined ? null : keep(parseIommuGroups(parts.iommuGroups)).groups;
  const reported = chooseGroups(groups, listing, facts);
  if (listing) add(strangers(reported, listing.functions));
  if (!groups && reported.groups.length === 0) {
    missing('iommuGroups', 'no group listing given: computed groups are compared with nothing');
  }
  const mdev = (['mdevTypes', 'mdevDevices'] as const).flatMap((part) => {
    const text = parts[part];
    return text === undefined ? [] : keep(parseMdev(text, part));
  });
  const { functions, subdevices } = keep(
    applyMdev(
      listing?.functions ?? [],
      mdev.flatMap(({ types }) => [...types.values()]),
      mdev.flatMap((each) => each.subdevices),
    ),
  );
  return {
    description: {
      dmar,
      functions,
      ...(subdevices.length > 0 && { subdevices }),
      units: dmar ? unitsOf(dmar, listed, facts, keep) : [],
      commandLine: facts?.commandLine ?? parts.commandLine ?? '',
      reportedGroups: reported.groups,
      ...(facts?.x2apic === false && { x2apic: false }),
    },
    warnings: limitWarnings(warnings),
  };
}

const NO_LOG = {
  unknown: 'no kernel log given: the boot command line is unknown',
  known: 'no kernel log given: what the kernel complained about is unknown',
} as const;

function factsOf(kernelLog: string, commandLine: string | undefined): BootFacts {
  const facts = bootFacts(kernelLog);
  return { ...facts, commandLine: commandLine ?? facts.commandLine };
}

function unitsOf(
  dmar: DmarTable,
  listed: readonly UnitDescription[] | null,
  facts: BootFacts | null,
  keep: (result: ReturnType<typeof chooseUnits>) => ReturnType<typeof chooseUnits>,
): UnitDescription[] {
  return keep(chooseUnits(dmar, { listed, logged: facts?.units ?? null })).units;
}

interface Reported {
  readonly source: keyof MachineParts;
  readonly groups: readonly ReportedGroup[];
}

/** A listing of its own wins; else the lines `lspci` or the booting kernel prints about groups. */
function chooseGroups(
  listed: readonly ReportedGroup[] | null,
  listing: LspciListing | null,
  facts: BootFacts | null,
): Reported {
  if (listed) return { source: 'iommuGroups', groups: listed };
  if (listing && listing.groups.length > 0) return { source: 'pci', groups: listing.groups };
  return { source: 'kernelLog', groups: facts?.groups ?? [] };
}

function strangers(
  { source, groups }: Reported,
  functions: readonly PciFunctionDescription[],
): ImportWarning[] {
  const known = new Set(functions.map(({ address }) => formatPciAddress(address)));
  return groups.flatMap(({ number, members }) =>
    members
      .map(formatPciAddress)
      .filter((name) => !known.has(name))
      .map((name) => ({
        source,
        line: null,
        message: `group ${number} has ${name}, which is not in the PCI listing`,
      })),
  );
}
