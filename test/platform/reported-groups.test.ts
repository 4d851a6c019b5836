import { parsePciAddress } from '../../src/bits/pci-address.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { readMachine, type MachineInput } from '../../src/platform/machine-input.js';
import { Platform, type PlatformHeader } from '../../src/platform/platform.js';
import { compareGroups } from '../../src/platform/reported-groups.js';
import { describeRealData, filesBelow, has, readBytes, readText } from '../firmware/support/real-data.js';
import { DISK, TWINS, smallHeader } from '../support/platform/small-machine.js';

const address = (name: string) => parsePciAddress(name)!;

function reporting(groups: readonly (readonly string[])[], header = smallHeader()): Platform {
  const reportedGroups = groups.map((members, number) => ({ number, members: members.map(address) }));
  return new Platform({ ...header, description: { ...header.description, reportedGroups } });
}

it('agrees with a listing that has the two functions of a slot together', () => {
  const compared = compareGroups(reporting([TWINS, [DISK]]));
  expect(compared.find(({ device }) => device.name === TWINS[1])).toMatchObject({
    agrees: true,
    reportedNumber: 0,
    explanation: null,
  });
  expect(compared.find(({ device }) => device.name === DISK)).toMatchObject({
    agrees: true,
    reportedNumber: 1,
  });
});

it('shows a listing that has them apart, with the rule and the missing bits', () => {
  const header = smallHeader({ kernel: { commandLine: 'intel_iommu=on pcie_acs_override=multifunction' } });
  const compared = compareGroups(reporting([[TWINS[0]], [TWINS[1]], [DISK]], header));
  const twin = compared.find(({ device }) => device.name === TWINS[1])!;
  expect(twin).toMatchObject({ agrees: false, reportedNumber: 1, reportedWith: [] });
  expect(twin.computedWith.map(({ name }) => name)).toEqual([TWINS[0]]);
  expect(twin.because).toMatchObject([
    {
      kind: 'MULTIFUNCTION_WITHOUT_ACS',
      missingAcs: ['SrcValid', 'ReqRedir', 'CmpltRedir', 'UpstreamFwd'],
    },
  ]);
  expect(twin.explanation).toContain('pcie_acs_override');
});

it('says of devices that only one of the two has in a group which one', () => {
  const compared = compareGroups(reporting([TWINS, ['0001:00:01.0']]));
  expect(compared.find(({ device }) => device.name === '0001:00:01.0')!.explanation).toContain(
    'No remapping unit of the table covers',
  );
  expect(compared.find(({ device }) => device.name === DISK)!.explanation).toContain('names no group');
});

it('compares nothing where nothing was reported', () => {
  expect(compareGroups(new Platform(smallHeader()))).toEqual([]);
});

/** What is known to be undecidable from a listing: see the comparison of recorded machines in the kernel tests. */
const NOT_DECIDABLE = ['supermicro-as4125gs-dual-genoa'];

describeRealData('recorded machines', () => {
  const boot = (name: string, input: MachineInput): Platform => {
    const { description, warnings } = readMachine(input);
    const options = [{ name: 'INTEL_IOMMU_DEFAULT_ON', value: 'y' }];
    const kernel = kernelConfig(description.commandLine, { options });
    return new Platform({
      name,
      origin: 'IMPORTED',
      createdAt: 0,
      description,
      kernel,
      warnings,
    } satisfies PlatformHeader);
  };
  const count = (platform: Platform) => {
    const compared = compareGroups(platform);
    return { of: compared.length, differing: compared.filter(({ agrees }) => !agrees) };
  };

  it('of the listings: every device is in the group its kernel put it in', () => {
    const report: string[] = [];
    const wrong: string[] = [];
    for (const path of filesBelow('topology', /\.groups\.txt$/)) {
      const machine = path.replace(/^topology\/|\.groups\.txt$/g, '');
      const pci = readText(`topology/${machine}.lspci.txt`);
      const { of, differing } = count(boot(machine, { pci, iommuGroups: readText(path) }));
      report.push(`${machine}: ${of - differing.length} of ${of} devices agree`);
      if (!NOT_DECIDABLE.includes(machine))
        wrong.push(
          ...differing.map(({ device, explanation }) => `${machine} ${device.name}: ${explanation}`),
        );
    }
    console.log(report.join('\n'));
    expect(wrong).toEqual([]);
  });

  it('of the captures: every device is in the group its kernel put it in', () => {
    const report: string[] = [];
    const wrong: string[] = [];
    for (const path of filesBelow('qemu-linux', /^iommu_groups\.txt$/).map((file) =>
      file.replace(/\/[^/]*$/, ''),
    )) {
      if (!has(`${path}/lspci-xxxx.txt`) || !has(`${path}/DMAR.bin`)) continue;
      const platform = boot('captured', {
        dmar: Buffer.from(readBytes(`${path}/DMAR.bin`)).toString('base64'),
        pci: readText(`${path}/lspci-xxxx.txt`),
        iommuGroups: readText(`${path}/iommu_groups.txt`),
        kernelLog: readText(`${path}/dmesg.txt`),
      });
      const { of, differing } = count(platform);
      report.push(`${path}: ${of - differing.length} of ${of} devices agree`);
      wrong.push(...differing.map(({ device, explanation }) => `${path} ${device.name}: ${explanation}`));
    }
    console.log(report.join('\n'));
    expect(wrong).toEqual([]);
  });
});
