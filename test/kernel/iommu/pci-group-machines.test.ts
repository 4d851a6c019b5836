import { formatPciAddress } from '../../../src/bits/pci-address.js';
import { u64 } from '../../../src/bits/u64.js';
import type { PciFunctionDescription, ReportedGroup } from '../../../src/firmware/description.js';
import { parseIommuGroups } from '../../../src/firmware/iommu-groups.js';
import { parseLspci } from '../../../src/firmware/lspci/parse.js';
import { PciFunction } from '../../../src/hardware/pci/function.js';
import { PciTopology } from '../../../src/hardware/pci/topology.js';
import { probeOrder } from '../../../src/kernel/intel/unit-lookup.js';
import { computeGroups } from '../../../src/kernel/iommu/pci-group.js';
import { enableAcs } from '../../../src/kernel/pci/acs.js';
import { bootOrder } from '../../../src/kernel/pci/boot-order.js';
import type { DmarTable } from '../../../src/layout/dmar/table.js';
import { writeConfigSpace } from '../../../src/layout/pci/config-space.js';
import { evidenceFiles, hasEvidence, readEvidence } from '../../support/pci-evidence.js';

/**
 * Machines whose listing lacks what the rule needs, and what is missing. Everything else must agree.
 */
const NOT_DECIDABLE: Readonly<Record<string, string>> = {
  'supermicro-as4125gs-dual-genoa':
    'plain list: no capability, so no port type and no access control; no bus numbers of bridges',
};

/** A table with a unit for the graphics device and one for the rest, as every Intel client machine has. */
const GRAPHICS_AND_REST: DmarTable = {
  hostAddressWidth: 39,
  interruptRemapping: true,
  x2apicOptOut: false,
  dmaControlOptIn: false,
  checksumValid: true,
  oemId: '',
  oemTableId: '',
  structures: [false, true].map((includeAll) => ({
    kind: 'DRHD',
    type: 0,
    offset: 48,
    length: 24,
    includeAll,
    segment: 0,
    registerBase: u64(0, includeAll ? 0xfed91000 : 0xfed90000),
    size: 0,
    scopes: includeAll
      ? []
      : [
          {
            kind: 'PCI_ENDPOINT',
            type: 1,
            flags: 0,
            enumerationId: 0,
            startBus: 0,
            path: [{ device: 2, function: 0 }],
          },
        ],
  })),
};

/** Listings without numeric ids still name the vendor; one rule asks only for the vendor. */
function withVendor(source: PciFunctionDescription): PciFunction {
  const config = source.config.slice();
  const unknown = config[0] === 0 && config[1] === 0;
  if (unknown && source.vendorName?.startsWith('Intel Corporation')) writeConfigSpace(config, 0, 2, 0x8086);
  return new PciFunction({ ...source, config });
}

function membersOf(group: ReportedGroup): string {
  return group.members.map(formatPciAddress).sort().join(' ');
}

function compare(machine: string) {
  const listing = parseLspci(readEvidence(`topology/${machine}.lspci.txt`));
  const recorded = parseIommuGroups(readEvidence(`topology/${machine}.groups.txt`)).groups;
  const topology = new PciTopology(listing.functions.map(withVendor));
  for (const fn of topology.functions.values()) enableAcs(fn);
  // Functions without a group (an IOMMU itself, a root complex) take no part.
  const taking = new Set(recorded.flatMap((group) => group.members.map(formatPciAddress)));
  const isIntel = topology.functions.get('0000:00:00.0')?.vendorId === 0x8086;
  // From 6.1 on the devices of the graphics unit are first; the listings do not name their kernel.
  const perUnit = recorded.some((group) => group.number === 0 && membersOf(group) === '0000:00:02.0');
  const order = isIntel ? probeOrder(GRAPHICS_AND_REST, topology, { perUnit }) : bootOrder(topology);
  const groups = computeGroups(
    topology,
    order.filter((fn) => taking.has(fn.name)),
  );
  const ours = groups.map((members) =>
    members
      .map((fn) => fn.name)
      .sort()
      .join(' '),
  );
  const theirs = recorded.map(membersOf);
  // Two lists are only part of their machine's groups; the numbers of a part still follow each other.
  const first = Math.min(...recorded.map((group) => group.number));
  const numbered = recorded.filter((group) => ours[group.number - first] === membersOf(group)).length;
  return {
    agreed: theirs.filter((group) => ours.includes(group)).length,
    of: theirs.length,
    differing: theirs.filter((group) => !ours.includes(group)),
    numbered,
  };
}

describe('groups of real machines', () => {
  if (!hasEvidence('topology')) {
    it('are not compared: recorded machines are not here', () => {
      console.warn('SKIPPED: no recorded machines beside the project');
    });
    return;
  }

  const machines = evidenceFiles('topology', '.groups.txt').map((name) => name.replace('.groups.txt', ''));
  const report: string[] = [];
  afterAll(() => console.log(report.join('\n')));

  it.each(machines)('%s: the members and numbers the kernel reported', (machine) => {
    const { agreed, of, differing, numbered } = compare(machine);
    const why = NOT_DECIDABLE[machine];
    const tail = why === undefined ? '' : `; not decidable: ${why}`;
    report.push(
      `${machine}: ${agreed} of ${of} groups agree, ${differing.length} differ, ${numbered} with the same number${tail}`,
    );
    if (why !== undefined) return;
    expect(differing).toEqual([]);
    expect(numbered).toBe(of);
  });
});
