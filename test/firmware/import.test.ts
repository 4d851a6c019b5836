import { formatPciAddress } from '../../src/bits/pci-address.js';
import { toHex } from '../../src/bits/u64.js';
import { buildDmar } from '../../src/firmware/dmar/build.js';
import type { RemappingStructureSpec } from '../../src/firmware/dmar/build.js';
import { describeMachine } from '../../src/firmware/import.js';
import type { MachineParts } from '../../src/firmware/import.js';
import { FirmwareInputError } from '../../src/firmware/input-error.js';

const at = (device: number, fn = 0) => ({ device, function: fn });
const drhd = (registerBase: number, over: Partial<Extract<RemappingStructureSpec, { kind: 'DRHD' }>> = {}) =>
  ({
    kind: 'DRHD',
    includeAll: false,
    segment: 0,
    registerBase: { hi: 0, lo: registerBase },
    size: 0,
    scopes: [],
    ...over,
  }) as const;
const rmrr = (base: number, last: number) =>
  ({ kind: 'RMRR', segment: 0, base: { hi: 0, lo: base }, last: { hi: 0, lo: last }, scopes: [] }) as const;
const table = (...structures: RemappingStructureSpec[]) =>
  Buffer.from(buildDmar({ hostAddressWidth: 39, interruptRemapping: true, structures })).toString('base64');
const ALL = drhd(0xfed91000, { includeAll: true });

const PCI = `00:02.0 VGA compatible controller [0300]: Intel Corporation HD Graphics [8086:1916]
\tControl: I/O+ Mem+ BusMaster+
00:1c.0 PCI bridge [0604]: Intel Corporation Root Port [8086:9d10]
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
01:00.0 Network controller [0280]: Intel Corporation Wireless [8086:24f3]
\tCapabilities: [40] Express (v2) Endpoint, MSI 00
`;
const LOG = `[0.0] Command line: intel_iommu=on
[0.1] DMAR: dmar1: reg_base_addr fed91000 ver 2:0 cap d2008c40660462 ecap f050da
`;
const UNITS = 'dmar0\n address: fed91000\n cap: 1c0000c40660462\n ecap: f0101a\n version: 1:0\n';

const messages = (parts: MachineParts) =>
  describeMachine(parts).warnings.map(
    ({ source, line, message }) => `${source}${line ? `:${line}` : ''}: ${message}`,
  );
/** Without what is said about every listing of verbose text and every import without groups. */
const findings = (parts: MachineParts) =>
  messages({ kernelLog: LOG, iommuUnits: UNITS, ...parts }).filter(
    (text) => !/no hex dump|no group listing/.test(text),
  );

describe('describeMachine', () => {
  it('puts the parts of one machine together without a finding', () => {
    const parts = { dmar: table(ALL), pci: PCI, iommuUnits: UNITS, kernelLog: LOG };
    expect(findings(parts)).toEqual([]);
    const { description } = describeMachine(parts);
    expect(description.functions.map(({ address }) => formatPciAddress(address))).toEqual([
      '0000:00:02.0',
      '0000:00:1c.0',
      '0000:01:00.0',
    ]);
    expect(description.commandLine).toBe('intel_iommu=on');
    expect(description.dmar?.structures).toHaveLength(1);
  });

  it('reads an empty import as a machine without anything, and says what is missing', () => {
    const { description } = describeMachine({});
    expect(description).toEqual({
      dmar: null,
      functions: [],
      units: [],
      commandLine: '',
      reportedGroups: [],
    });
    expect(messages({})).toEqual([
      'dmar: no DMAR table given: the machine gets no remapping unit',
      'pci: no PCI listing given: the machine gets no devices',
      'kernelLog: no kernel log given: the boot command line is unknown',
      'iommuGroups: no group listing given: computed groups are compared with nothing',
    ]);
  });

  it('takes registers from the listing before the log, and from the log before defaults', () => {
    const capability = (parts: MachineParts) =>
      describeMachine({ dmar: table(ALL), ...parts }).description.units.map((unit) => toHex(unit.capability));
    expect(capability({ iommuUnits: UNITS, kernelLog: LOG })).toEqual(['0x1c0000c40660462']);
    expect(capability({ kernelLog: LOG })).toEqual(['0xd2008c40660462']);
    expect(describeMachine({ dmar: table(ALL), kernelLog: LOG }).description.units[0].version).toBe(0x20);
  });

  it('states the registers it assumes, one warning for each unit', () => {
    const dmar = table(
      drhd(0xfed90000, { scopes: [{ kind: 'PCI_ENDPOINT', startBus: 0, path: [at(2)] }] }),
      ALL,
    );
    expect(messages({ dmar, pci: PCI }).filter((text) => text.includes('assumed'))).toEqual([
      'dmar: no registers of the unit at 0xfed90000 given; version 1:0, cap 0xd2008c40660462, ecap 0xf050da are assumed',
      'dmar: no registers of the unit at 0xfed91000 given; version 1:0, cap 0xd2008c40660462, ecap 0xf050da are assumed',
    ]);
  });

  it.each([
    ['a DRHD at base 0', [drhd(0)], 'dmar: offset 0x30: DRHD with register base 0; Linux refuses the table'],
    [
      'a DRHD twice',
      [drhd(0xfed91000), ALL],
      'dmar: offset 0x40: DRHD with register base 0xfed91000 again, as at 0x30; Linux ignores it',
    ],
    [
      'a DRHD behind the INCLUDE_PCI_ALL one',
      [ALL, drhd(0xfed90000)],
      'dmar: offset 0x40: DRHD of segment 0 behind the INCLUDE_PCI_ALL one at 0x30, which has to be last',
    ],
    [
      'a table without a DRHD',
      [rmrr(0x1000, 0x1fff)],
      'dmar: offset 0x30: the table has no DRHD, so no remapping unit',
    ],
    [
      'an RMRR that ends before it starts',
      [ALL, rmrr(0x2000, 0x1fff)],
      'dmar: offset 0x40: RMRR [0x2000-0x1fff] ends at or before its start',
    ],
    [
      'an RMRR that is not whole pages',
      [ALL, rmrr(0x2000, 0x2ffe)],
      'dmar: offset 0x40: RMRR [0x2000-0x2ffe] does not start and end at page boundaries',
    ],
    [
      'an RMRR of nothing',
      [ALL, rmrr(0, 0)],
      'dmar: offset 0x40: RMRR [0x0-0x0] ends at or before its start',
    ],
    [
      'an affinity of an unknown unit',
      [ALL, { kind: 'RHSA', registerBase: { hi: 0, lo: 0x1000 }, proximityDomain: 0 } as const],
      'dmar: offset 0x40: RHSA names register base 0x1000, which no DRHD has',
    ],
    [
      'structures out of order',
      [rmrr(0x1000, 0x1fff), ALL],
      'dmar: offset 0x48: structure of type 0 behind one of type 1; types have to ascend',
    ],
  ])('warns about %s, naming the offset', (_name, structures, message) => {
    expect(messages({ dmar: table(...structures) })).toContain(message);
  });

  it.each([
    [
      'an absent device',
      'PCI_ENDPOINT',
      [at(3)],
      'scope names 0000:00:03.0, which is not in the PCI listing',
    ],
    [
      'an absent device behind a bridge',
      'PCI_ENDPOINT',
      [at(0x1c), at(1)],
      'scope names 0000:01:01.0, which is not in the PCI listing',
    ],
    [
      'a bridge as an endpoint',
      'PCI_ENDPOINT',
      [at(0x1c)],
      'scope names 0000:00:1c.0 as an endpoint, but it is a bridge',
    ],
    [
      'an endpoint as a bridge',
      'PCI_SUB_HIERARCHY',
      [at(2)],
      'scope names 0000:00:02.0 as a bridge, but it is none',
    ],
  ] as const)('warns about a scope that names %s', (_name, kind, path, message) => {
    const dmar = table(drhd(0xfed91000, { scopes: [{ kind, startBus: 0, path }] }));
    expect(findings({ dmar, pci: PCI })).toEqual([`dmar: offset 0x30: DRHD ${message}`]);
  });

  it('finds a device behind a bridge by the bridge’s bus number, and accepts hidden interrupt sources', () => {
    const scopes = [
      { kind: 'PCI_ENDPOINT', startBus: 0, path: [at(0x1c), at(0)] },
      { kind: 'PCI_SUB_HIERARCHY', startBus: 0, path: [at(0x1c)] },
      { kind: 'IOAPIC', enumerationId: 2, startBus: 0xf0, path: [at(0x1f)] },
      { kind: 'HPET', startBus: 0xfa, path: [at(0x1f)] },
    ] as const;
    expect(findings({ dmar: table(drhd(0xfed91000, { scopes })), pci: PCI })).toEqual([]);
  });

  it('warns about segments no unit covers, and about volume management devices in other words', () => {
    const more =
      '0001:00:00.0 SATA controller [0106]: X [8086:02d7]\n10000:e1:00.0 Non-Volatile memory controller [0108]: X [8086:0001]\n';
    const found = findings({ dmar: table(ALL), pci: PCI + more.replace(/\n/g, '\n\tControl: I/O-\n') });
    expect(found).toEqual([
      'dmar: no DRHD covers segment 0001: 1 in the PCI listing, the first is 0001:00:00.0',
      'dmar: these functions are behind a volume management device and use its requester id: 1 in the PCI listing, the first is 10000:e1:00.0',
    ]);
  });

  it('warns about a function listed twice, naming both lines', () => {
    const twice = `${PCI}00:02.0 Host bridge [0600]: X [8086:0001]\n`;
    expect(findings({ dmar: table(ALL), pci: twice })).toContain(
      'pci:8: 0000:00:02.0 was listed before, in line 1; ignored',
    );
  });

  it('says when table and log are of two machines', () => {
    const kernelLog = LOG.replace('fed91000', 'fed80000') + '[0.1] DMAR: Host address width 46\n';
    expect(findings({ dmar: table(ALL), pci: PCI, kernelLog })).toEqual([
      'kernelLog:2: dmar1 at 0xfed80000 is in no DRHD of the table; table and log are of two machines',
      'kernelLog: host address width 46 in the log, 39 in the table; table and log are of two machines',
    ]);
  });

  it('takes groups from a listing, else from lspci, else from the log', () => {
    const log = `${LOG}[1.0] pci 0000:00:02.0: Adding to iommu group 7\n`;
    const listed = 'IOMMU Group 5 00:02.0 X\n';
    const lspci = PCI.replace('\tControl', '\tIOMMU group: 6\n\tControl');
    const numbers = (parts: MachineParts) =>
      describeMachine(parts).description.reportedGroups.map(({ number }) => number);
    expect(numbers({ pci: lspci, kernelLog: log, iommuGroups: listed })).toEqual([5]);
    expect(numbers({ pci: lspci, kernelLog: log })).toEqual([6]);
    expect(numbers({ pci: PCI, kernelLog: log })).toEqual([7]);
    expect(findings({ dmar: table(ALL), pci: PCI, iommuGroups: 'IOMMU Group 5 00:09.0 X\n' })).toEqual([
      'iommuGroups: group 5 has 0000:00:09.0, which is not in the PCI listing',
    ]);
  });

  it('quotes what the machine’s own kernel complained about, with the line', () => {
    const kernelLog = `${LOG}[    0.246268] DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [0x1-0x2]\n`;
    expect(findings({ dmar: table(ALL), pci: PCI, kernelLog })).toEqual([
      "kernelLog:3: the machine's kernel complained: DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [0x1-0x2]",
    ]);
  });

  it.each([
    [{ dmar: 'hello' }, 'dmar', 'neither base64 nor a hex dump of a table'],
    [{ dmar: 'aGVsbG8gd29ybGQ=' }, 'dmar', 'offset 0x0: no signature "DMAR"'],
    [
      { dmar: '[000h 0000 004h]  Signature : "DMAR"\n' },
      'dmar',
      'line 1: a disassembly without its raw table data',
    ],
    [
      { dmar: 'DMAR @ 0x0\n  0000: 44 4D 41 52\n  0020: 00\n' },
      'dmar',
      'line 3: offset 0x20 where 0x4 has to follow',
    ],
    [{ pci: 'no such command' }, 'pci', 'no line starts with a PCI address'],
  ])('refuses %j', (parts, source, message) => {
    let caught: unknown;
    try {
      describeMachine(parts);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(FirmwareInputError);
    expect((caught as FirmwareInputError).source).toBe(source);
    expect((caught as FirmwareInputError).message).toContain(message);
  });
});
