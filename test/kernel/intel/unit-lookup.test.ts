import { u64, u64ToNumber } from '../../../src/bits/u64.js';
import { isRmrrLocked, reservedMemoryOf } from '../../../src/kernel/intel/rmrr.js';
import { scopeProblems } from '../../../src/kernel/intel/scope.js';
import {
  atsAllowed,
  deviceToUnit,
  probeOrder,
  unitSearchOrder,
} from '../../../src/kernel/intel/unit-lookup.js';
import type {
  AtsrStructure,
  DeviceScope,
  DmarTable,
  DrhdStructure,
  RemappingStructure,
  RmrrStructure,
  SatcStructure,
} from '../../../src/layout/dmar/table.js';
import { at, FULL_ACS, machineOf } from '../../support/pci-machine.js';

function scope(
  kind: 'PCI_ENDPOINT' | 'PCI_SUB_HIERARCHY',
  startBus: number,
  ...path: [number, number][]
): DeviceScope {
  return {
    kind,
    type: kind === 'PCI_ENDPOINT' ? 1 : 2,
    flags: 0,
    enumerationId: 0,
    startBus,
    path: path.map(([device, fn]) => ({ device, function: fn })),
  };
}

const where = { offset: 48, length: 16 };

function drhd(base: number, scopes: DeviceScope[] | 'ALL', segment = 0): DrhdStructure {
  return {
    ...where,
    kind: 'DRHD',
    type: 0,
    includeAll: scopes === 'ALL',
    segment,
    registerBase: u64(0, base),
    size: 0,
    scopes: scopes === 'ALL' ? [] : scopes,
  };
}

function rmrr(base: number, last: number, scopes: DeviceScope[]): RmrrStructure {
  return { ...where, kind: 'RMRR', type: 1, segment: 0, base: u64(0, base), last: u64(0, last), scopes };
}

function atsr(scopes: DeviceScope[], allPorts = false): AtsrStructure {
  return { ...where, kind: 'ATSR', type: 2, allPorts, segment: 0, scopes };
}

function satc(atcRequired: boolean, scopes: DeviceScope[]): SatcStructure {
  return { ...where, kind: 'SATC', type: 5, atcRequired, segment: 0, scopes };
}

function table(...structures: RemappingStructure[]): DmarTable {
  return {
    hostAddressWidth: 46,
    interruptRemapping: true,
    x2apicOptOut: false,
    dmaControlOptIn: false,
    checksumValid: true,
    oemId: 'TEST',
    oemTableId: 'TEST',
    structures,
  };
}

const port = { type: 'ROOT_PORT', acs: [FULL_ACS, FULL_ACS] } as const;
const machine = machineOf([
  { at: '0000:00:00.0', classCode: 0x060000 },
  { at: '0000:00:02.0', classCode: 0x030000 },
  { at: '0000:00:14.0', classCode: 0x0c0330 },
  { at: '0000:00:1c.0', ...port, buses: [1, 3] },
  { at: '0000:00:1d.0', ...port, buses: [4, 4] },
  { at: '0000:01:00.0', type: 'ENDPOINT', sriov: { numVfs: 2, firstOffset: 0x80, stride: 2 } },
  { at: '0000:01:10.0', type: 'ENDPOINT' },
  { at: '0000:01:10.2', type: 'ENDPOINT' },
  { at: '0000:01:02.0', type: 'PCIE_TO_PCI_BRIDGE', buses: [3, 3] },
  { at: '0000:03:01.0' },
  { at: '0000:04:00.0', type: 'ENDPOINT' },
  { at: '0001:00:00.0', classCode: 0x060000 },
]);

function baseOf(dmar: DmarTable, name: string): number | null {
  const unit = deviceToUnit(dmar, machine, at(machine, name));
  return unit === null ? null : u64ToNumber(unit.drhd.registerBase);
}

describe('device_to_iommu()', () => {
  const dmar = table(
    drhd(0x1000, [scope('PCI_ENDPOINT', 0, [2, 0])]),
    drhd(0x2000, [scope('PCI_SUB_HIERARCHY', 0, [0x1c, 0])]),
    drhd(0x3000, 'ALL'),
  );

  it('takes an endpoint named in a scope to its unit', () => {
    expect(baseOf(dmar, '0000:00:02.0')).toBe(0x1000);
  });

  it('takes a bridge named in a scope and everything behind it', () => {
    for (const name of ['0000:00:1c.0', '0000:01:00.0', '0000:03:01.0'])
      expect(baseOf(dmar, name)).toBe(0x2000);
  });

  it('takes virtual functions to the unit of their physical function', () => {
    expect(baseOf(dmar, '0000:01:10.2')).toBe(0x2000);
    const byEndpoint = table(
      drhd(0x2000, [scope('PCI_ENDPOINT', 0, [0x1c, 0], [0, 0])]),
      drhd(0x3000, 'ALL'),
    );
    expect(baseOf(byEndpoint, '0000:01:10.0')).toBe(0x2000);
  });

  it('takes the rest of the segment to the unit that includes all', () => {
    expect(baseOf(dmar, '0000:00:14.0')).toBe(0x3000);
    expect(baseOf(dmar, '0001:00:00.0')).toBeNull();
  });

  it('finds no unit for a device no structure covers', () => {
    expect(baseOf(table(drhd(0x1000, [scope('PCI_ENDPOINT', 0, [2, 0])])), '0000:00:14.0')).toBeNull();
  });

  it('takes functions behind a volume management device to the unit of that device', () => {
    const behind = machineOf([
      { at: '0000:00:0e.0', ids: [0x8086, 0x9a0b], classCode: 0x010400, type: 'ROOT_COMPLEX_ENDPOINT' },
      { at: '10000:e0:06.0', ...port, buses: [0xe1, 0xe1] },
      { at: '10000:e1:00.0', type: 'ENDPOINT' },
    ]);
    const unit = deviceToUnit(table(drhd(0x3000, 'ALL')), behind, at(behind, '10000:e1:00.0'));
    expect(unit?.drhd.registerBase).toEqual(u64(0, 0x3000));
  });
});

describe('unit order', () => {
  // A server with eight units logs its I/O APICs in the order dmar6, 5, 4, 3, 2, 1, 0, 7; the last includes all.
  it('asks the last explicit unit of the table first and the one that includes all last', () => {
    const units = [0, 1, 2, 3, 4, 5, 6].map((n) => drhd(0x1000 * (n + 1), []));
    const order = unitSearchOrder(table(...units, drhd(0x8000, 'ALL')));
    expect(order.map((unit) => u64ToNumber(unit.registerBase) / 0x1000 - 1)).toEqual([
      6, 5, 4, 3, 2, 1, 0, 7,
    ]);
  });

  it('drops a unit listed twice', () => {
    expect(unitSearchOrder(table(drhd(0x1000, []), drhd(0x1000, [])))).toHaveLength(1);
  });

  // A laptop with Linux 6.14 numbers its graphics device, which has a unit of its own, before 00:00.0.
  it('decides the order of probing from 6.1 on; before, the bus does', () => {
    const dmar = table(drhd(0x1000, [scope('PCI_ENDPOINT', 0, [2, 0])]), drhd(0x3000, 'ALL'));
    const names = (perUnit: boolean) => probeOrder(dmar, machine, { perUnit }).map((fn) => fn.name);
    expect(names(true).slice(0, 3)).toEqual(['0000:00:02.0', '0000:00:00.0', '0000:00:14.0']);
    expect(names(false).slice(0, 3)).toEqual(['0000:00:00.0', '0000:00:02.0', '0000:00:14.0']);
    expect(names(true)).not.toContain('0001:00:00.0');
    expect(names(true).slice(-2)).toEqual(['0000:01:10.0', '0000:01:10.2']);
  });
});

describe('dmar_match_pci_path()', () => {
  it('accepts one hop from a bus that is no root bus, and says so', () => {
    const dmar = table(drhd(0x1000, [scope('PCI_ENDPOINT', 4, [0, 0])]), drhd(0x3000, 'ALL'));
    expect(baseOf(dmar, '0000:04:00.0')).toBe(0x1000);
    expect(scopeProblems(dmar, machine)).toMatchObject([{ kind: 'BUS_WORKAROUND' }]);
  });

  it('refuses several hops from such a bus', () => {
    const dmar = table(drhd(0x1000, [scope('PCI_ENDPOINT', 1, [2, 0], [1, 0])]), drhd(0x3000, 'ALL'));
    expect(baseOf(dmar, '0000:03:01.0')).toBe(0x3000);
  });

  it('refuses an endpoint scope that names a bridge, and the reverse', () => {
    const dmar = table(
      drhd(0x1000, [scope('PCI_ENDPOINT', 0, [0x1d, 0])]),
      drhd(0x2000, [scope('PCI_SUB_HIERARCHY', 0, [0x14, 0])]),
      drhd(0x3000, 'ALL'),
    );
    expect(baseOf(dmar, '0000:04:00.0')).toBe(0x3000);
    expect(baseOf(dmar, '0000:00:14.0')).toBe(0x3000);
    expect(scopeProblems(dmar, machine).map((problem) => problem.kind)).toEqual([
      'TYPE_MISMATCH',
      'TYPE_MISMATCH',
    ]);
  });

  it('accepts a bridge scope that names a function of base class bridge with a normal header', () => {
    const dmar = table(drhd(0x1000, [scope('PCI_SUB_HIERARCHY', 0, [0, 0])]), drhd(0x3000, 'ALL'));
    expect(baseOf(dmar, '0000:00:00.0')).toBe(0x1000);
    expect(scopeProblems(dmar, machine)).toEqual([]);
  });
});

describe('dmar_find_matched_atsr_unit()', () => {
  const listed = table(drhd(0x3000, 'ALL'), atsr([scope('PCI_SUB_HIERARCHY', 0, [0x1d, 0])]));

  it('allows translation caches in integrated devices and below listed root ports', () => {
    expect(atsAllowed(listed, machine, at(machine, '0000:00:02.0'))).toBe(true);
    expect(atsAllowed(listed, machine, at(machine, '0000:04:00.0'))).toBe(true);
    expect(atsAllowed(listed, machine, at(machine, '0000:01:00.0'))).toBe(false);
    expect(atsAllowed(table(drhd(0x3000, 'ALL')), machine, at(machine, '0000:04:00.0'))).toBe(false);
  });

  it('allows them below every root port when the structure says all ports, but not on conventional PCI', () => {
    const all = table(drhd(0x3000, 'ALL'), atsr([], true));
    expect(atsAllowed(all, machine, at(machine, '0000:01:00.0'))).toBe(true);
    expect(atsAllowed(all, machine, at(machine, '0000:01:10.0'))).toBe(true);
    expect(atsAllowed(all, machine, at(machine, '0000:03:01.0'))).toBe(false);
  });

  it('leaves a device that requires its cache to the hardware in legacy mode, where the kernel knows of it', () => {
    const required = table(drhd(0x3000, 'ALL'), satc(true, [scope('PCI_ENDPOINT', 0, [2, 0])]));
    const graphics = at(machine, '0000:00:02.0');
    expect(atsAllowed(required, machine, graphics)).toBe(true);
    expect(atsAllowed(required, machine, graphics, { scalableMode: false })).toBe(false);
    expect(atsAllowed(required, machine, graphics, { scalableMode: true })).toBe(true);
  });
});

describe('reserved memory', () => {
  const dmar = table(
    drhd(0x3000, 'ALL'),
    rmrr(0x1000, 0x1fff, [scope('PCI_ENDPOINT', 0, [0x14, 0]), scope('PCI_ENDPOINT', 0, [2, 0])]),
    rmrr(0x4000, 0x5fff, [scope('PCI_SUB_HIERARCHY', 0, [0x1c, 0])]),
  );

  it('covers named devices and those behind a named bridge', () => {
    const of = (name: string) =>
      reservedMemoryOf(dmar, machine, at(machine, name)).map((region) => u64ToNumber(region.start));
    expect(of('0000:00:14.0')).toEqual([0x1000]);
    expect(of('0000:03:01.0')).toEqual([0x4000]);
    expect(of('0000:04:00.0')).toEqual([]);
  });

  it('locks a device out of user space unless it is USB or graphics', () => {
    expect(isRmrrLocked(dmar, machine, at(machine, '0000:01:00.0'))).toBe(true);
    expect(isRmrrLocked(dmar, machine, at(machine, '0000:00:14.0'))).toBe(false);
    expect(isRmrrLocked(dmar, machine, at(machine, '0000:00:02.0'))).toBe(false);
    expect(isRmrrLocked(dmar, machine, at(machine, '0000:04:00.0'))).toBe(false);
  });
});
