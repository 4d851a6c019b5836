import { formatPciAddress, parsePciAddress } from '../bits/pci-address.js';
import type { PciAddress } from '../bits/pci-address.js';
import type { ImportWarning, ReportedGroup } from './description.js';
import { GroupCollector } from './group-collector.js';
import { ADDRESS_PATTERN, firstAddress, textLines } from './text-lines.js';

/** `/sys/kernel/iommu_groups/4/devices/0000:00:14.0`, also inside a long listing. */
const PATH = /iommu_groups\/(\d{1,9})(?:\/devices(?:\/([^\s/:]\S*))?)?/;
/** `IOMMU Group 4 00:14.0 ...`, `IOMMU Group 4:` and `Group 4:  [8086:1234] 00:14.0 ...`. */
const HEADING = /^\s*(?:iommu\s+)?group[\s:]+(\d{1,9})\b(.*)$/i;
/** Members on one line: `devices: 0000:00:14.0 0000:00:14.2`. */
const MEMBERS = /^\s*devices:(.*)$/;
/** A further member below a heading, with the ids some scripts put in front. */
const MEMBER = new RegExp(
  `^\\s*(?:\\[[0-9a-f]{4}:[0-9a-f]{4}\\]\\s*)?(?:\\[\\w*\\]\\s*)?(${ADDRESS_PATTERN})(?:\\s|$)`,
  'i',
);
/** Attributes of a group that are not members, and what scripts print about a member. */
const OTHER = /^\s*(?:name|type|reserved_regions|usb)\s*:|^\s*0x[0-9a-f]+\s+0x[0-9a-f]+/i;

/** Groups as any of the listings people make of /sys/kernel/iommu_groups shows them. */
export function parseIommuGroups(text: string): { groups: ReportedGroup[]; warnings: ImportWarning[] } {
  const warnings: ImportWarning[] = [];
  const collector = new GroupCollector();
  let current: number | null = null;
  const warn = (line: number | null, message: string) =>
    warnings.push({ source: 'iommuGroups', line, message });
  const add = (line: number, address: PciAddress | null) => {
    if (current === null || address === null) return;
    const before = collector.add(current, address);
    if (before !== null) {
      warn(line, `${formatPciAddress(address)} is in group ${before} and in group ${current}`);
    }
  };
  const addNamed = (line: number, name: string) => {
    const address = parsePciAddress(name);
    if (address) add(line, address);
    else warn(line, `group ${current} has ${name.slice(0, 60)}, which is no PCI function; ignored`);
  };
  for (const { number, text: line } of textLines(text)) {
    const path = PATH.exec(line);
    const heading = path ? null : HEADING.exec(line);
    if (path) {
      current = Number(path[1]);
      if (path[2]) addNamed(number, path[2]);
    } else if (heading) {
      current = Number(heading[1]);
      add(number, firstAddress(heading[2]));
    } else {
      const members = MEMBERS.exec(line);
      const member = MEMBER.exec(line);
      if (members) members[1].split(/\s+/).forEach((name) => name && addNamed(number, name));
      else if (member && current !== null) add(number, parsePciAddress(member[1]));
      else if (line !== '' && !OTHER.test(line))
        warn(number, `not understood: "${line.trim().slice(0, 60)}"`);
    }
  }
  const groups = collector.groups();
  if (groups.length === 0) warn(null, 'names no group');
  return { groups, warnings };
}
