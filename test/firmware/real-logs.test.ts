import { formatPciAddress } from '../../src/bits/pci-address.js';
import { toHex, toHexDigits } from '../../src/bits/u64.js';
import type { ReportedGroup } from '../../src/firmware/description.js';
import { parseIommuGroups } from '../../src/firmware/iommu-groups.js';
import { parseIommuUnits } from '../../src/firmware/iommu-units.js';
import { bootFacts } from '../../src/firmware/kernel-log/boot-facts.js';
import { describeRealData, filesBelow, has, manifest, readText } from './support/real-data.js';

const orNone = (paths: string[]) => (paths.length > 0 ? paths : ['(none)']);
const membersOf = (groups: readonly ReportedGroup[]) =>
  groups
    .flatMap(({ number, members }) => members.map((address) => `${formatPciAddress(address)} ${number}`))
    .sort();
const captures = filesBelow('qemu-linux', /^pci_devices\.txt$/).map((path) => path.replace(/\/[^/]*$/, ''));

describeRealData('unit listings of Linux', () => {
  const listings = filesBelow('qemu-linux', /^iommu_units\.txt$/).filter(
    (path) => readText(path).trim() !== '',
  );

  it.each(orNone(listings))('%s: registers are those the kernel logged', (path) => {
    const { units, warnings } = parseIommuUnits(readText(path));
    expect(warnings).toEqual([]);
    const log = path.replace('iommu_units', 'dmesg');
    if (!has(log)) return;
    const logged = bootFacts(readText(log)).units.map(({ index: _index, line: _line, ...unit }) => unit);
    expect(units).toEqual(logged);
  });

  it.each(orNone(listings))('%s: registers are those in the text', (path) => {
    const text = readText(path);
    const values = (key: string) =>
      [...text.matchAll(new RegExp(`^ *${key}: (\\S+)`, 'gm'))].map((match) => match[1]);
    const { units } = parseIommuUnits(text);
    expect(units.map(({ registerBase }) => toHexDigits(registerBase))).toEqual(values('address'));
    expect(units.map(({ capability }) => toHexDigits(capability))).toEqual(values('cap'));
    expect(units.map(({ extendedCapability }) => toHexDigits(extendedCapability))).toEqual(values('ecap'));
    expect(units.map(({ version }) => `${version >> 4}:${version & 15}`)).toEqual(values('version'));
  });
});

describeRealData('group listings of Linux', () => {
  it.each(orNone(captures.filter((path) => has(`${path}/iommu_groups.txt`))))(
    '%s: groups are those of sysfs',
    (path) => {
      const { groups, warnings } = parseIommuGroups(readText(`${path}/iommu_groups.txt`));
      const expected = [...readText(`${path}/pci_devices.txt`).matchAll(/^(\S+) .* group=(\d+) /gm)];
      expect(membersOf(groups)).toEqual(expected.map((match) => `${match[1]} ${match[2]}`).sort());
      const said = warnings.map(({ message }) => message).filter((text) => !text.includes('no PCI function'));
      expect(said).toEqual(expected.length === 0 ? ['names no group'] : []);
      const subdevices = readText(`${path}/iommu_groups.txt`).match(/devices: [0-9a-f]{8}-/g) ?? [];
      expect(warnings).toHaveLength(said.length + subdevices.length);
    },
  );

  const facts = manifest('topology');
  it.each(orNone(filesBelow('topology', /\.groups\.txt$/)))(
    '%s has the groups the manifest counts',
    (path) => {
      const { groups, warnings } = parseIommuGroups(readText(path));
      const [, groupCount, functionCount] =
        /(\d+) groups, (\d+) functions/.exec(facts.get(path.split('/')[1]) ?? '') ?? [];
      expect(groups).toHaveLength(Number(groupCount));
      expect(membersOf(groups)).toHaveLength(Number(functionCount));
      expect(warnings).toEqual([]);
    },
  );

  it.each(orNone(filesBelow('topology', /\.groups-script\.txt$/)))(
    '%s: every line with an address is a member',
    (path) => {
      const text = readText(path);
      const { groups, warnings } = parseIommuGroups(text);
      const lines = text.split('\n').filter((line) => /\b[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/.test(line));
      const headings = new Set([...text.matchAll(/group\s+(\d+)/gi)].map((match) => match[1]));
      expect(membersOf(groups)).toHaveLength(lines.length);
      expect(groups).toHaveLength(headings.size);
      expect(warnings).toEqual([]);
    },
  );
});

describeRealData('kernel logs', () => {
  const facts = new Map([...manifest('dmesg'), ...manifest('topology')]);
  const logs = [...filesBelow('dmesg', /\.txt$/), ...filesBelow('topology', /dmesg.*\.txt$/)];

  it.each(orNone(logs))('%s: groups are those of the last assignment of each function', (path) => {
    const text = readText(path);
    const stated = Number(/(\d+) group assignments/.exec(facts.get(path.split('/')[1]) ?? '')?.[1] ?? 0);
    const lines = text.split('\n').filter((line) => line.includes('Adding to iommu group'));
    expect(lines).toHaveLength(stated);
    const last = new Map<string, string>();
    for (const line of text.split('\n')) {
      const [, name, verb, group] = / (\S+): (Adding to|Removing from) iommu group ?(\d*)/.exec(line) ?? [];
      // Platform devices have groups too, but no PCI address.
      if (!name?.includes(':')) continue;
      if (verb === 'Adding to') last.set(name, `${name} ${group}`);
      else last.delete(name);
    }
    expect(membersOf(bootFacts(text).groups)).toEqual([...last.values()].sort());
  });

  it.each(orNone(logs))('%s: every dmarN line is a unit', (path) => {
    const text = readText(path);
    const lines = new Set([...text.matchAll(/dmar\d+: reg_base_addr (\S+)/g)].map((match) => match[1]));
    expect(bootFacts(text).units.map(({ registerBase }) => toHexDigits(registerBase))).toEqual([...lines]);
  });

  it('of a machine with register base 0 complain, and stop at that unit', () => {
    const { units, drhds, complaints } = bootFacts(readText('dmesg/full-xps13-9310-dmar-zero.txt'));
    expect(drhds.map(({ base, includeAll }) => [toHex(base), includeAll])).toEqual([
      ['0xfed90000', false],
      ['0xfed84000', false],
      ['0xfed86000', false],
      ['0x0', true],
    ]);
    expect(units.map(({ index, version }) => [index, version])).toEqual([
      [0, 0x40],
      [1, 0x10],
      [2, 0x10],
    ]);
    expect(complaints.map(({ text }) => text.replace(/^\[.*?\] /, ''))).toEqual([
      'DMAR: [Firmware Bug]: Your BIOS is broken; DMAR reported at address 0!',
      'DMAR: Parse DMAR table failure.',
    ]);
  });

  it.each([
    ['dmesg/full-xps13-9360-6.6.txt', '6.6.15-amd64', 39],
    ['dmesg/full-rmrr-firmware-bug-5.5.txt', '5.5.1-gentoo-x86_64', 46],
    ['dmesg/full-amd-optiplex-5055.txt', '5.10.82.mx64.414', null],
  ])('%s: release and address width', (path, release, hostAddressWidth) => {
    expect(bootFacts(readText(path))).toMatchObject({ release, hostAddressWidth });
  });

  it.each(orNone(captures.filter((path) => has(`${path}/cmdline.txt`) && has(`${path}/dmesg.txt`))))(
    '%s: the command line is the one of /proc/cmdline',
    (path) => {
      expect(bootFacts(readText(`${path}/dmesg.txt`)).commandLine).toBe(
        readText(`${path}/cmdline.txt`).trim(),
      );
    },
  );
});
