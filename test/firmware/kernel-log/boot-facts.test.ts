import { formatPciAddress } from '../../../src/bits/pci-address.js';
import { bootFacts } from '../../../src/firmware/kernel-log/boot-facts.js';

const UNIT = 'DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap 1c0000c40660462 ecap 19e2ff0505e';

describe('kernel log', () => {
  it.each([
    ['bare', UNIT],
    ['with a time stamp', `[    0.055372] ${UNIT}`],
    ['with time stamp and thread', `[    0.055372] [    T0] ${UNIT}`],
    ['with level and time stamp', `<6>[    0.055372] ${UNIT}`],
    ['with wall-clock time', `[Mon May 30 17:32:17 2022] ${UNIT}`],
    ['from a journal', `May 30 17:32:17 host kernel: [    2.575002] ${UNIT}`],
    ['of an old kernel', UNIT.replace('DMAR: dmar0', 'dmar: IOMMU 0')],
  ])('reads a unit line %s', (_name, line) => {
    expect(bootFacts(`x\n${line}\r\n`).units).toEqual([
      {
        index: 0,
        line: 2,
        registerBase: { hi: 0, lo: 0xfed90000 },
        capability: { hi: 0x1c0000c, lo: 0x40660462 },
        extendedCapability: { hi: 0x19e, lo: 0x2ff0505e },
        version: 0x10,
      },
    ]);
  });

  it('takes the first command line, not remarks about it', () => {
    const log =
      '[0.0] Unknown kernel command line parameters "x", will be passed to user space.\n[0.0] Command line: root=/dev/sda intel_iommu=on,sm_on \n[0.1] Kernel command line: root=/dev/sda\n';
    expect(bootFacts(log).commandLine).toBe('root=/dev/sda intel_iommu=on,sm_on');
    expect(bootFacts('[0.1] Kernel command line: quiet').commandLine).toBe('quiet');
    expect(bootFacts('nothing').commandLine).toBeNull();
  });

  it('follows functions into and out of groups, in old and new words', () => {
    const { groups } = bootFacts(
      [
        '[1.0] pci 0000:00:02.0: Adding to iommu group 0',
        '[1.0] iommu: Adding device 0000:00:14.0 to group 1',
        '[1.0] platform idma64.0: Adding to iommu group 2',
        '[9.0] nvme 10000:e1:00.0: Adding to iommu group 3',
        '[9.1] pci 0000:00:02.0: Removing from iommu group 0',
      ].join('\n'),
    );
    expect(groups.map(({ number, members }) => [number, members.map(formatPciAddress)])).toEqual([
      [1, ['0000:00:14.0']],
      [3, ['10000:e1:00.0']],
    ]);
  });
});
