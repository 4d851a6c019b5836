import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHex, u64 } from '../../../src/bits/u64.js';
import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import { unitSearchOrder } from '../../../src/kernel/intel/unit-lookup.js';
import {
  absentStructureLines,
  type BootUnit,
  dmarTableLines,
  interruptRemappingLines,
  invalidationLine,
} from '../../../src/kernel/log/boot-lines.js';
import type { DmarTable, RemappingStructure } from '../../../src/layout/dmar/table.js';
import { capturesWith, EVIDENCE, hasEvidence, readEvidence } from '../../support/pci-evidence.js';

const ENDPOINT = { kind: 'PCI_ENDPOINT', type: 1, flags: 0, enumerationId: 0, startBus: 0 } as const;
const at = { offset: 48, length: 0 };

function table(structures: readonly RemappingStructure[], rest: Partial<DmarTable> = {}): DmarTable {
  return {
    hostAddressWidth: 39,
    interruptRemapping: true,
    x2apicOptOut: false,
    dmaControlOptIn: false,
    checksumValid: true,
    oemId: 'TEST',
    oemTableId: 'TEST',
    structures,
    ...rest,
  };
}

const graphics: RemappingStructure = {
  ...at,
  kind: 'DRHD',
  type: 0,
  includeAll: false,
  segment: 0,
  registerBase: u64(0, 0xfed90000),
  size: 0,
  scopes: [{ ...ENDPOINT, path: [{ device: 2, function: 0 }] }],
};

const everything: RemappingStructure = {
  ...graphics,
  includeAll: true,
  registerBase: u64(0, 0xfed91000),
  scopes: [
    { ...ENDPOINT, kind: 'IOAPIC', type: 3, enumerationId: 2, path: [{ device: 31, function: 0 }] },
    { ...ENDPOINT, kind: 'HPET', type: 4, enumerationId: 0, path: [{ device: 15, function: 0 }] },
  ],
};

const units: BootUnit[] = [
  {
    name: 'dmar0',
    segment: 0,
    registerBase: u64(0, 0xfed90000),
    version: 0x10,
    capability: u64(0x1c0000c, 0x40660462),
    extendedCapability: u64(0x19e, 0x2ff0505e),
  },
  {
    name: 'dmar1',
    segment: 0,
    registerBase: u64(0, 0xfed91000),
    version: 0x10,
    capability: u64(0xd2008c, 0x40660462),
    extendedCapability: u64(0, 0xf050da),
  },
];

describe('DMAR table lines', () => {
  // Expected text: log of a laptop with Linux 6.14 whose two units have these registers.
  it('are those of a laptop with a graphics unit and one for the rest', () => {
    const rmrr = (base: number, last: number): RemappingStructure => ({
      ...at,
      kind: 'RMRR',
      type: 1,
      segment: 0,
      base: u64(0, base),
      last: u64(0, last),
      scopes: [],
    });
    const dmar = table([graphics, everything, rmrr(0x53dfc000, 0x53e1bfff), rmrr(0x5b800000, 0x5fffffff)]);
    expect(dmarTableLines(dmar, units, 'V6_1')).toEqual([
      'DMAR: Host address width 39',
      'DMAR: DRHD base: 0x000000fed90000 flags: 0x0',
      'DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap 1c0000c40660462 ecap 19e2ff0505e',
      'DMAR: DRHD base: 0x000000fed91000 flags: 0x1',
      'DMAR: dmar1: reg_base_addr fed91000 ver 1:0 cap d2008c40660462 ecap f050da',
      'DMAR: RMRR base: 0x00000053dfc000 end: 0x00000053e1bfff',
      'DMAR: RMRR base: 0x0000005b800000 end: 0x0000005fffffff',
    ]);
    expect(interruptRemappingLines(dmar, unitSearchOrder(dmar), units, false).lines).toEqual([
      'DMAR-IR: IOAPIC id 2 under DRHD base  0xfed91000 IOMMU 1',
      'DMAR-IR: HPET id 0 under DRHD base 0xfed91000',
      'DMAR-IR: Enabled IRQ remapping in xapic mode',
    ]);
    expect(absentStructureLines(dmar, 'V6_1')).toEqual(['DMAR: No ATSR found', 'DMAR: No SATC found']);
    expect(absentStructureLines(dmar, 'V5_10')).toEqual(['DMAR: No ATSR found']);
    expect(invalidationLine('dmar0', true)).toBe('DMAR: dmar0: Using Queued invalidation');
  });

  it('complain of a reserved region that is not whole pages', () => {
    const bad: RemappingStructure = {
      ...at,
      kind: 'RMRR',
      type: 1,
      segment: 0,
      base: u64(0, 0),
      last: u64(0, 0),
      scopes: [],
    };
    expect(dmarTableLines(table([graphics, bad]), units, 'V5_10')).toContain(
      'DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR [0x0000000000000000-0x0000000000000000]',
    );
  });

  it('complain of affinity for a unit that is not there', () => {
    const rhsa: RemappingStructure = {
      ...at,
      kind: 'RHSA',
      type: 3,
      registerBase: u64(0, 0xdead000),
      proximityDomain: 1,
    };
    expect(dmarTableLines(table([graphics, rhsa]), units, 'V5_10').slice(-2)).toEqual([
      'DMAR: RHSA base: 0x0000000dead000 proximity domain: 0x1',
      'DMAR: [Firmware Bug]: Your BIOS is broken; RHSA refers to non-existent DMAR unit at dead000',
    ]);
  });

  it('name ACPI devices, and address translation caches only where the kernel knows them', () => {
    const andd: RemappingStructure = {
      ...at,
      kind: 'ANDD',
      type: 4,
      acpiDeviceNumber: 1,
      objectName: '\\_SB.PCI0.I2C0',
    };
    const satc: RemappingStructure = {
      ...at,
      kind: 'SATC',
      type: 5,
      atcRequired: false,
      segment: 0,
      scopes: [],
    };
    const dmar = table([graphics, andd, satc]);
    expect(dmarTableLines(dmar, units, 'V5_15').slice(-2)).toEqual([
      'DMAR: ANDD device: 1 name: \\_SB.PCI0.I2C0',
      'DMAR: SATC flags: 0x0',
    ]);
    expect(dmarTableLines(dmar, units, 'V5_10').at(-1)).toBe('DMAR: ANDD device: 1 name: \\_SB.PCI0.I2C0');
  });

  it('refuse an address width below a page', () => {
    expect(dmarTableLines(table([], { hostAddressWidth: 11 }), [], 'V5_10')).toEqual([
      'DMAR: Invalid DMAR haw',
    ]);
  });
});

describe('interrupt remapping lines', () => {
  it('use x2apic when every unit can', () => {
    const able = units.map((unit) => ({ ...unit, extendedCapability: u64(0, 0xf050da | 0x10) }));
    const dmar = table([graphics, everything]);
    const { lines, mode } = interruptRemappingLines(dmar, unitSearchOrder(dmar), able, true);
    expect(mode).toBe('x2apic');
    expect(lines.slice(-2)).toEqual([
      'DMAR-IR: Queued invalidation will be enabled to support x2apic and Intr-remapping.',
      'DMAR-IR: Enabled IRQ remapping in x2apic mode',
    ]);
  });

  it('stay with xapic when firmware opts out', () => {
    const dmar = table([graphics, everything], { x2apicOptOut: true });
    const { lines, mode } = interruptRemappingLines(dmar, unitSearchOrder(dmar), units, true);
    expect(mode).toBe('xapic');
    expect(lines).toContain('DMAR-IR: x2apic is disabled because BIOS sets x2apic opt out bit.');
  });

  it('are absent when the table does not offer it', () => {
    const dmar = table([graphics, everything], { interruptRemapping: false });
    expect(interruptRemappingLines(dmar, unitSearchOrder(dmar), units, true)).toEqual({
      lines: [],
      mode: null,
    });
  });
});

describe('lines of recorded virtual machines', () => {
  if (!hasEvidence('qemu-linux')) {
    it('are not compared: recorded machines are not here', () => {
      console.warn('SKIPPED: no recorded machines beside the project');
    });
    return;
  }

  it.each(capturesWith('qemu-linux', 'DMAR.bin'))('%s: the same lines in the same order', (capture) => {
    const log = readEvidence(join(capture, 'dmesg.txt'))
      .split('\n')
      .map((line) => line.replace(/^\[ *[0-9.]+\] /, ''));
    const dmar = parseDmar(new Uint8Array(readFileSync(join(EVIDENCE, capture, 'DMAR.bin')))).table;
    const recorded = log.flatMap((line) => {
      const found = /^DMAR: (dmar\d+): reg_base_addr (\S+) ver (\d+):(\d+) cap (\S+) ecap (\S+)$/.exec(line);
      if (found === null) return [];
      const register = (digits: string) => parseHex(digits) ?? u64(0, 0);
      const unit: BootUnit = {
        name: found[1],
        segment: 0,
        registerBase: register(found[2]),
        version: (Number(found[3]) << 4) | Number(found[4]),
        capability: register(found[5]),
        extendedCapability: register(found[6]),
      };
      return [unit];
    });
    const ours = [
      ...dmarTableLines(dmar, recorded, 'V6_1'),
      ...interruptRemappingLines(dmar, unitSearchOrder(dmar), recorded, false).lines,
    ];
    const isTableLine = /^DMAR(-IR)?: (?!IOMMU |Enable scalable|No |dmar\d+: Using|Intel)/;
    expect(ours).toEqual(log.filter((line) => isTableLine.test(line)));
    const absent = log.filter((line) => /^DMAR: No \S+ found/.test(line));
    if (absent.length > 0) expect(absentStructureLines(dmar, 'V6_1')).toEqual(absent);
  });
});
