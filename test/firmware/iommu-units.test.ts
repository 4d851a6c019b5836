import { parseIommuUnits } from '../../src/firmware/iommu-units.js';

const EXPECTED = [
  {
    registerBase: { hi: 0, lo: 0xfed90000 },
    capability: { hi: 0x1c0000c, lo: 0x40660462 },
    extendedCapability: { hi: 0x19e, lo: 0x2ff0505e },
    version: 0x10,
  },
];

describe('listing of /sys/class/iommu', () => {
  it.each([
    [
      'fields below a link',
      '/sys/class/iommu/dmar0 -> ../../devices/virtual/iommu/dmar0\n  address: fed90000\n  cap: 1c0000c40660462\n  domains_supported: 256\n  ecap: 19e2ff0505e\n  version: 1:0\n',
    ],
    [
      'path:value lines',
      '/sys/class/iommu/dmar0/intel-iommu/address:fed90000\n/sys/class/iommu/dmar0/intel-iommu/cap:1c0000c40660462\n/sys/class/iommu/dmar0/intel-iommu/ecap:19e2ff0505e\n/sys/class/iommu/dmar0/intel-iommu/version:1:0\n',
    ],
    [
      'headings with the value below',
      '==> /sys/class/iommu/dmar0/intel-iommu/address <==\nfed90000\n\n==> /sys/class/iommu/dmar0/intel-iommu/cap <==\n1c0000c40660462\n\n==> /sys/class/iommu/dmar0/intel-iommu/domains_used <==\n9\n\n==> /sys/class/iommu/dmar0/intel-iommu/ecap <==\n19e2ff0505e\n\n==> /sys/class/iommu/dmar0/intel-iommu/version <==\n1:0\n',
    ],
    [
      'fields without colons',
      'dmar0\naddress 0xfed90000\ncap 0x1c0000c40660462\necap 0x19e2ff0505e\nversion 1:0\r\n',
    ],
  ])('reads %s', (_name, text) => {
    expect(parseIommuUnits(text)).toEqual({ units: EXPECTED, warnings: [] });
  });

  it.each([
    ['dmar3\n address: fed90000\n cap: 1\n', 1, 'dmar3 has no ecap; unit ignored'],
    [
      '\ndmar3\n address: zero\n cap: 1\n ecap: 2\n version: 1:0',
      2,
      'dmar3 has an unreadable address "zero"; unit ignored',
    ],
    ['', null, 'names no unit dmar0, dmar1 ...'],
    ['/sys/class/iommu/ivhd0\n cap: 1\n', 1, 'this unit is not an Intel one; ignored'],
  ])('warns about %j with its line', (text, line, message) => {
    const { units, warnings } = parseIommuUnits(text);
    expect(units).toEqual([]);
    expect(warnings).toContainEqual({ source: 'iommuUnits', line, message });
  });

  it('assumes version 1:0 and says so', () => {
    const { units, warnings } = parseIommuUnits('dmar0\n address: 1000\n cap: 1\n ecap: 2\n');
    expect(units[0].version).toBe(0x10);
    expect(warnings).toEqual([
      { source: 'iommuUnits', line: 1, message: 'dmar0 has no version; 1:0 is assumed' },
    ]);
  });
});
