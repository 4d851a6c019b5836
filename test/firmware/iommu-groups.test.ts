import { formatPciAddress } from '../../src/bits/pci-address.js';
import { parseIommuGroups } from '../../src/firmware/iommu-groups.js';

const read = (text: string) =>
  parseIommuGroups(text).groups.map(({ number, members }) =>
    [number, ...members.map(formatPciAddress)].join(' '),
  );

describe('group listings', () => {
  it.each([
    [
      'paths',
      '/sys/kernel/iommu_groups/4/devices/0000:00:14.2\n/sys/kernel/iommu_groups/4/devices/0000:00:14.0\n',
    ],
    [
      'links of a long listing',
      'lrwxrwxrwx 1 root root 0 Jan 1 00:00 /sys/kernel/iommu_groups/4/devices/0000:00:14.0 -> ../../../../devices/pci0000:00/0000:00:14.0\nlrwxrwxrwx 1 root root 0 Jan 1 00:00 /sys/kernel/iommu_groups/4/devices/0000:00:14.2 -> ../../../../devices/pci0000:00/0000:00:14.2\n',
    ],
    ['folders with names below', '/sys/kernel/iommu_groups/4/devices:\n0000:00:14.0\n0000:00:14.2\n'],
    [
      'a line each',
      'IOMMU Group 4 00:14.0 USB controller [0c03]: X [8086:9d2f]\nIOMMU Group 4 00:14.2 Y [1180]: Z [8086:9d31]\n',
    ],
    [
      'headings',
      'IOMMU Group 4:\n\t00:14.0 USB controller [0c03]: X [8086:9d2f]\n\t00:14.2 Y [1180]: Z [8086:9d31]\n',
    ],
    [
      'columns',
      'Group 4:  [8086:9d2f] [R] 00:14.0  USB controller  X\n          [8086:9d31]     00:14.2  Y  Z\n',
    ],
    [
      'attributes',
      'group 4\n  type: DMA\n  devices: 0000:00:14.0 0000:00:14.2 \n  reserved_regions:\n    0x00000000fee00000 0x00000000feefffff msi\n',
    ],
    [
      'what `ls -R` writes to a file',
      '/sys/kernel/iommu_groups/:\n0\n4\n\n/sys/kernel/iommu_groups/4:\ndevices\nreserved_regions\ntype\n\n/sys/kernel/iommu_groups/4/devices:\n0000:00:14.0\n0000:00:14.2\n',
    ],
    [
      'what `ls -R` shows on a screen, side by side',
      '/sys/kernel/iommu_groups/:\n0  1  4\n\n/sys/kernel/iommu_groups/4:\ndevices  reserved_regions  type\n\n/sys/kernel/iommu_groups/4/devices:\n0000:00:14.0  0000:00:14.2\n',
    ],
    [
      'what `ls -lR` writes',
      '/sys/kernel/iommu_groups/4:\ntotal 0\ndrwxr-xr-x 2 root root    0 Jan  1 00:00 devices\n-r--r--r-- 1 root root 4096 Jan  1 00:00 reserved_regions\n\n/sys/kernel/iommu_groups/4/devices:\ntotal 0\nlrwxrwxrwx 1 root root 0 Jan  1 00:00 0000:00:14.0 -> ../../../../devices/pci0000:00/0000:00:14.0\nlrwxrwxrwx 1 root root 0 Jan  1 00:00 0000:00:14.2 -> ../../../../devices/pci0000:00/0000:00:14.2\n',
    ],
    [
      'what `tree` draws',
      '/sys/kernel/iommu_groups/\n├── 0\n│   └── devices\n└── 4\n    ├── devices\n    │   ├── 0000:00:14.0 -> ../../../../devices/pci0000:00/0000:00:14.0\n    │   └── 0000:00:14.2 -> ../../../../devices/pci0000:00/0000:00:14.2\n    ├── reserved_regions\n    └── type\n\n5 directories, 2 files\n',
    ],
    ['`find . -type l` from inside the folder', './4/devices/0000:00:14.0\n./4/devices/0000:00:14.2\n'],
    [
      'links of the devices to their groups',
      'lrwxrwxrwx 1 root root 0 Jan  1 00:00 /sys/bus/pci/devices/0000:00:14.0/iommu_group -> ../../../kernel/iommu_groups/4\nlrwxrwxrwx 1 root root 0 Jan  1 00:00 /sys/bus/pci/devices/0000:00:14.2/iommu_group -> ../../../kernel/iommu_groups/4\n',
    ],
    [
      'lines of a kernel log, in old words and new ones, groups left again included',
      '[    0.5] iommu: Adding device 0000:00:14.0 to group 4\n[    0.5] pci 0000:00:14.2: Adding to iommu group 4\nJan 01 00:00:00 box kernel: pci 0000:01:00.0: Adding to iommu group 5\n[    9.0] pci 0000:01:00.0: Removing from iommu group 5\n',
    ],
  ])('reads %s', (_name, text) => {
    expect(read(text)).toEqual(['4 0000:00:14.0 0000:00:14.2']);
    expect(parseIommuGroups(text).warnings).toEqual([]);
  });

  it('keeps domains of more than four digits', () => {
    expect(read('/sys/kernel/iommu_groups/9/devices/10000:e0:06.0')).toEqual(['9 10000:e0:06.0']);
  });

  it('says when a function is in two groups, and keeps the later one', () => {
    const text = 'IOMMU Group 1 00:01.0 A\nIOMMU Group 2 00:01.0 A\n';
    expect(read(text)).toEqual(['2 0000:00:01.0']);
    expect(parseIommuGroups(text).warnings).toEqual([
      { source: 'iommuGroups', line: 2, message: '0000:00:01.0 is in group 1 and in group 2' },
    ]);
  });

  it('says which members are no PCI functions', () => {
    const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001';
    const text = `/sys/kernel/iommu_groups/9/devices/${uuid}\ngroup 10\n  devices: ${uuid} 0000:00:02.0\n`;
    expect(read(text)).toEqual(['10 0000:00:02.0']);
    expect(parseIommuGroups(text).warnings.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      `1: group 9 has ${uuid}, which is no PCI function; ignored`,
      `3: group 10 has ${uuid}, which is no PCI function; ignored`,
    ]);
  });

  it('names lines it does not understand', () => {
    expect(parseIommuGroups('IOMMU Group 1 00:01.0 A\n\nbash: lspci: command not found\n').warnings).toEqual([
      { source: 'iommuGroups', line: 3, message: 'not understood: "bash: lspci: command not found"' },
    ]);
  });
});
