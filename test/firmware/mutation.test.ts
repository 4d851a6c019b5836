import fc from 'fast-check';
import { parseDmar } from '../../src/firmware/dmar/parse.js';
import { buildDmar } from '../../src/firmware/dmar/build.js';
import { describeMachine } from '../../src/firmware/import.js';
import type { MachineParts } from '../../src/firmware/import.js';
import { FirmwareInputError } from '../../src/firmware/input-error.js';
import { parseLspci } from '../../src/firmware/lspci/parse.js';
import { filesBelow, has, readBytes, readText } from './support/real-data.js';

const path = [
  { device: 0x1c, function: 4 },
  { device: 0, function: 0 },
];
const BUILT = buildDmar({
  hostAddressWidth: 46,
  interruptRemapping: true,
  structures: [
    {
      kind: 'DRHD',
      includeAll: true,
      segment: 0,
      registerBase: { hi: 0, lo: 0xfed90000 },
      size: 0,
      scopes: [{ kind: 'IOAPIC', enumerationId: 2, startBus: 0xf0, path: [path[1]] }],
    },
    {
      kind: 'RMRR',
      segment: 0,
      base: { hi: 0, lo: 0x1000 },
      last: { hi: 0, lo: 0x1fff },
      scopes: [{ kind: 'PCI_ENDPOINT', startBus: 0, path }],
    },
    {
      kind: 'ATSR',
      allPorts: false,
      segment: 0,
      scopes: [{ kind: 'PCI_SUB_HIERARCHY', startBus: 0, path: [path[0]] }],
    },
    { kind: 'RHSA', registerBase: { hi: 0, lo: 0xfed90000 }, proximityDomain: 1 },
    { kind: 'ANDD', acpiDeviceNumber: 1, objectName: '\\_SB.PCI0.I2C0' },
    { kind: 'SATC', atcRequired: true, segment: 0, scopes: [{ kind: 'PCI_ENDPOINT', startBus: 0, path }] },
  ],
});
const TABLES = [BUILT, ...filesBelow('dmar', /\.bin$/).map(readBytes)];

/** The result, or null when the input was refused in the one way it may be. */
function refusedOr<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(FirmwareInputError);
    expect((error as Error).message).not.toBe('');
    return null;
  }
}

const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 });

/** Replaced bytes, at positions that wrap around. */
function changed(bytes: Uint8Array, list: [number, number][]): Uint8Array {
  const copy = bytes.slice();
  for (const [position, value] of list) if (copy.length > 0) copy[position % copy.length] = value;
  return copy;
}

function checkTable(bytes: Uint8Array): void {
  const result = refusedOr(() => parseDmar(bytes));
  if (!result) return;
  let end = 48;
  for (const structure of result.table.structures) {
    expect(structure.offset).toBeGreaterThanOrEqual(end);
    end = structure.offset + structure.length;
    expect(end).toBeLessThanOrEqual(bytes.length);
    for (const { path: hops } of 'scopes' in structure ? structure.scopes : []) {
      expect(hops.length).toBeGreaterThan(0);
      expect(hops.every((hop) => hop.device < 32 && hop.function < 8)).toBe(true);
    }
  }
  for (const { message } of result.warnings) expect(message).toMatch(/^offset 0x[0-9a-f]+: /);
  const sum = bytes
    .subarray(0, new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true))
    .reduce((a, b) => a + b, 0);
  expect(result.table.checksumValid).toBe(sum % 256 === 0);
}

describe('parseDmar on damaged tables', () => {
  it('refuses every truncation, naming an offset', () => {
    for (const table of TABLES) {
      for (let length = 0; length < table.length; length++) {
        expect(() => parseDmar(table.slice(0, length))).toThrow(/^offset 0x[0-9a-f]+: /);
      }
    }
  });

  it('warns about the checksum after any single flipped bit that leaves a table', () => {
    for (let bit = 0; bit < BUILT.length * 8; bit++) {
      const flipped = BUILT.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      const result = refusedOr(() => parseDmar(flipped));
      if (result) expect(result.table.checksumValid).toBe(false);
      checkTable(flipped);
    }
  });

  it('survives any change of bytes', () => {
    fc.assert(
      fc.property(fc.nat(TABLES.length - 1), changes, fc.nat(), (index, list, cut) => {
        const bytes = changed(TABLES[index], list);
        checkTable(bytes);
        const shortened = bytes.slice(0, 48 + (cut % (bytes.length - 47)));
        new DataView(shortened.buffer).setUint32(4, shortened.length, true);
        checkTable(shortened);
      }),
      { numRuns: 500 },
    );
  });

  it('survives garbage behind a header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (garbage) => {
        const bytes = new Uint8Array(48 + garbage.length);
        bytes.set(BUILT.subarray(0, 48));
        bytes.set(garbage, 48);
        new DataView(bytes.buffer).setUint32(4, bytes.length, true);
        checkTable(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['zeros', 0],
    ['unknown structures of four bytes', 4],
    ['ones', 0xff],
  ])('reads a megabyte of %s, with no more findings than are shown', (_name, length) => {
    const bytes = new Uint8Array(1 << 20);
    bytes.set(BUILT.subarray(0, 48));
    new DataView(bytes.buffer).setUint32(4, bytes.length, true);
    if (length === 0xff) bytes.fill(0xff, 48);
    else if (length > 0) for (let at = 48; at < bytes.length; at += 4) bytes.set([9, 0, length, 0], at);
    const result = refusedOr(() => describeMachine({ dmar: Buffer.from(bytes).toString('base64') }));
    if (result) {
      expect(result.warnings.length).toBeLessThan(500);
      // No structure is shorter than its header of four bytes.
      expect(result.description.dmar!.structures.length).toBeLessThanOrEqual(bytes.length / 4);
    }
  });
});

const VERBOSE = `00:02.0 VGA compatible controller [0300]: Intel Corporation HD Graphics [8086:1916] (rev 07)
\tControl: I/O+ Mem+ BusMaster+
\tRegion 0: Memory at 90000000 (64-bit, non-prefetchable) [size=16M]
\tCapabilities: [40] Express (v2) Root Complex Integrated Endpoint, MSI 00
\tCapabilities: [100 v1] Process Address Space ID (PASID)
\t\tPASIDCap: Exec+ Priv-, Max PASID Width: 14
\tCapabilities: [320 v1] Single Root I/O Virtualization (SR-IOV)
\t\tIOVCtl:\tEnable+ Migration- Interrupt- MSE+ ARIHierarchy-
\t\tInitial VFs: 7, Total VFs: 7, Number of VFs: 7, Function Dependency Link: 00
\t\tVF offset: 1, stride: 1, Device ID: a780
\tKernel driver in use: i915
00:1c.0 PCI bridge [0604]: Intel Corporation Root Port [8086:9d10]
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
01:00.0 Network controller [0280]: X [8086:24f3]
00: 86 80 f3 24 06 04 10 00 3a 00 80 02 10 00 00 00
10: 04 00 10 d1 00 00 00 00 00 00 00 00 00 00 00 00
`;

/** Texts as machines give them, and one set that is always there. */
const TEXTS: MachineParts[] = [
  {
    dmar: Buffer.from(BUILT).toString('base64'),
    pci: VERBOSE,
    iommuGroups: 'IOMMU Group 1:\n\t00:02.0 VGA\n/sys/kernel/iommu_groups/2/devices/0000:01:00.0\n',
    iommuUnits:
      '/sys/class/iommu/dmar0\n  address: fed90000\n  cap: d2008c22260206\n  ecap: f00f4a\n  version: 1:0\n',
    kernelLog:
      '[0.0] Command line: quiet\n[0.1] DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap 1 ecap 2\n[0.2] pci 0000:00:02.0: Adding to iommu group 1\n',
  },
];
const CAPTURE = 'qemu-linux/topology/sriov-nvme/after';
if (has(CAPTURE)) {
  TEXTS.push({
    dmar: readText(`${CAPTURE}/DMAR.dsl`),
    pci: readText(`${CAPTURE}/lspci-vvvnn.txt`),
    iommuGroups: readText(`${CAPTURE}/iommu_groups.txt`),
    iommuUnits: readText(`${CAPTURE}/iommu_units.txt`),
    kernelLog: readText(`${CAPTURE}/dmesg.txt`),
  });
  TEXTS.push({ ...TEXTS[1], pci: readText(`${CAPTURE}/lspci-xxxx.txt`).slice(0, 40000) });
}

type Edit = [number, number, string];
const edit = fc.tuple(
  fc.nat(),
  fc.nat(60),
  fc.constantFrom(
    '',
    '\n',
    ' ',
    '\t',
    'ffffffff',
    '99999999999999999999',
    '00:02.0 ',
    'Capabilities: [fff v1] ',
    '+',
    ':',
    '[',
    '\0',
    '𝄞',
    '-1',
    'Number of VFs: 65535,',
  ),
);

/** Text with pieces cut out and others put in. */
function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((result, [position, cut, insert]) => {
    const at = position % (result.length + 1);
    return result.slice(0, at) + insert + result.slice(at + cut);
  }, text);
}

describe('describeMachine on damaged texts', () => {
  it('refuses or reads, whatever was cut or put in', () => {
    fc.assert(
      fc.property(
        fc.nat(TEXTS.length - 1),
        fc.array(edit, { minLength: 1, maxLength: 8 }),
        (index, edits) => {
          const source = TEXTS[index];
          for (const part of Object.keys(source) as (keyof MachineParts)[]) {
            const parts = { ...source, [part]: edited(source[part] as string, edits) };
            const result = refusedOr(() => describeMachine(parts));
            for (const { config } of result?.description.functions ?? []) {
              expect([64, 256, 4096]).toContain(config.length);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    [
      'functions',
      Array.from(
        { length: 16384 },
        (_, i) =>
          `${(i >> 8).toString(16).padStart(4, '0')}:${(i & 255).toString(16).padStart(2, '0')}:00.0 X: Y`,
      ).join('\n'),
    ],
    [
      'capabilities',
      VERBOSE +
        Array.from(
          { length: 20000 },
          (_, i) => `\tCapabilities: [${(0x40 + (i % 960) * 4).toString(16)} v1] Access Control Services`,
        ).join('\n'),
    ],
    [
      'virtual functions',
      Array.from({ length: 256 }, (_, i) =>
        VERBOSE.replace('00:02.0', `${i.toString(16).padStart(4, '0')}:00:02.0`).replace(
          'Number of VFs: 7',
          'Number of VFs: 65535',
        ),
      ).join(''),
    ],
    ['characters in a line', `00:00.0 ${'Device Inc. [('.repeat(100000)}`],
    ['blanks in a line', `00:00.0 X\n${' '.repeat(500000)}x`],
  ])('reads absurd numbers of %s into no more than the text names', (_name, pci) => {
    const { functions, warnings } = parseLspci(pci);
    const headings = pci.match(/^(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] /gm) ?? [];
    expect(functions.length).toBeLessThanOrEqual(headings.length);
    expect(Math.max(...functions.map(({ config }) => config.length))).toBeLessThanOrEqual(4096);
    // A line has one finding at most; what the listing as a whole lacks is said once each.
    expect(warnings.length).toBeLessThanOrEqual(pci.split('\n').length + 10);
  });

  it('refuses more functions than a machine can have', () => {
    const lines = Array.from({ length: 16385 }, (_, i) => `${i.toString(16).padStart(5, '0')}:00:00.0 X`);
    expect(() => parseLspci(lines.join('\n'))).toThrow('line 16385: more than 16384 functions');
  });

  it('shows a hundred findings of a part and counts the others', () => {
    const iommuGroups = `IOMMU Group 1 00:00.0 X\n${'?\n'.repeat(5000)}`;
    const { warnings } = describeMachine({ iommuGroups });
    expect(warnings.filter(({ source }) => source === 'iommuGroups')).toHaveLength(101);
    expect(warnings.at(-1)?.message).toBe('4900 more findings, not shown');
  });
});
