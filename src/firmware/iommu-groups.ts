import { formatPciAddress, parsePciAddress } from '../bits/pci-address.js';
import type { PciAddress } from '../bits/pci-address.js';
import type { ImportWarning, ReportedGroup } from './description.js';
import { GroupCollector } from './group-collector.js';
import { groupChange } from './kernel-log/group-line.js';
import { ADDRESS_PATTERN, firstAddress, textLines } from './text-lines.js';

/** `/sys/kernel/iommu_groups/4/devices/0000:00:14.0`, also inside a long listing. */
const PATH = /iommu_groups\/(\d{1,9})(?:\/devices(?:\/([^\s/:]\S*))?)?/;
/** The same from inside /sys/kernel/iommu_groups: `./4/devices/0000:00:14.0`. */
const RELATIVE_PATH = /^(?:\.\/)?(\d{1,9})\/devices(?:\/([^\s/:]\S*)|\/?:?$)/;
/** From the side of the device: `/sys/bus/pci/devices/0000:00:14.0/iommu_group -> ../../../kernel/iommu_groups/4`. */
const DEVICE_LINK = new RegExp(`(${ADDRESS_PATTERN})/iommu_group\\b.*?iommu_groups/(\\d{1,9})$`);
/** Lines `tree` draws, and the number of a group in one. */
const DRAWN = /^[\s│|]*[├└|`][─-]{2}\s(.*)$/;
/** `IOMMU Group 4 00:14.0 ...`, `IOMMU Group 4:` and `Group 4:  [8086:1234] 00:14.0 ...`. */
const HEADING = /^\s*(?:iommu\s+)?group[\s:]+(\d{1,9})\b(.*)$/i;
/** Members on one line: `devices: 0000:00:14.0 0000:00:14.2`. */
const MEMBERS = /^\s*devices:(.*)$/;
/** A further member below a heading, with the ids some scripts put in front. */
const MEMBER = new RegExp(
  `^\\s*(?:\\[[0-9a-f]{4}:[0-9a-f]{4}\\]\\s*)?(?:\\[\\w*\\]\\s*)?(${ADDRESS_PATTERN})(?:\\s|$)`,
  'i',
);
/** Members side by side, as `ls` prints them on a screen. */
const MEMBER_ROW = new RegExp(`^\\s*${ADDRESS_PATTERN}(?:\\s+${ADDRESS_PATTERN})+$`);
/** A link of `ls -l` or `tree`. */
const LINK = new RegExp(`(?:^|\\s)(${ADDRESS_PATTERN}) -> \\S`);
/** What `ls -R` and `tree` print of folders above the members. */
const FOLDERS =
  /^(?:\d{1,9}(?:\s+\d{1,9})*|total \d+|\S*iommu_groups\/?:?|\.:?|\d+ director\S+, \d+ files?|(?:devices|name|reserved_regions|type)(?:\s+(?:devices|name|reserved_regions|type))*)$|^[d-][rwx-]{9}/;
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
  const read = (number: number, line: string): boolean => {
    const path = PATH.exec(line) ?? RELATIVE_PATH.exec(line);
    const link = path && DEVICE_LINK.exec(line);
    const heading = path ? null : HEADING.exec(line);
    if (link) {
      current = Number(link[2]);
      add(number, parsePciAddress(link[1]));
    } else if (path) {
      current = Number(path[1]);
      if (path[2]) addNamed(number, path[2]);
    } else if (heading) {
      current = Number(heading[1]);
      add(number, firstAddress(heading[2]));
    } else return readMember(number, line);
    return true;
  };
  const readMember = (number: number, line: string): boolean => {
    const members = MEMBERS.exec(line);
    const member = MEMBER.exec(line) ?? LINK.exec(line);
    if (members) members[1].split(/\s+/).forEach((name) => name && addNamed(number, name));
    else if (current !== null && MEMBER_ROW.test(line)) {
      for (const name of line.trim().split(/\s+/)) addNamed(number, name);
    } else if (current !== null && member) add(number, parsePciAddress(member[1]));
    else return false;
    return true;
  };
  for (const { number, text: line } of textLines(text)) {
    const change = groupChange(line);
    const drawn = DRAWN.exec(line)?.[1];
    if (change) {
      current = change.group;
      if (current === null) collector.remove(change.address);
      else add(number, change.address);
    } else if (drawn !== undefined && /^\d{1,9}$/.test(drawn)) current = Number(drawn);
    else if (
      !read(number, drawn ?? line) &&
      line !== '' &&
      !OTHER.test(line) &&
      !FOLDERS.test(drawn ?? line)
    ) {
      warn(number, `not understood: "${line.trim().slice(0, 60)}"`);
    }
  }
  const groups = collector.groups();
  if (groups.length === 0) warn(null, 'names no group');
  return { groups, warnings };
}
