import type { DeviceAddressType } from '../../src/hardware/device-dma.js';
import { parsePciAddress } from '../../src/bits/pci-address.js';
import { u64, u64FromNumber } from '../../src/bits/u64.js';
import { ConfigSpaceBuilder } from '../../src/firmware/pci-config/builder.js';
import type { HardwareEvent } from '../../src/hardware/events.js';
import { Machine, type UnitSource } from '../../src/hardware/machine.js';
import type { PciFunctionSource } from '../../src/hardware/pci/function.js';
import type { DeviceScope, DrhdStructure } from '../../src/layout/dmar/table.js';
import type { PciePortType } from '../../src/layout/pci/express.js';
import { packCapability, packExtendedCapability } from '../../src/layout/capability.js';
import { GLOBAL, REGISTER } from '../../src/layout/registers.js';

interface Plan {
  readonly at: string;
  readonly type?: Exclude<PciePortType, 'UNKNOWN'>;
  readonly buses?: readonly [number, number];
  readonly ats?: boolean;
  readonly physicalFunction?: string;
  readonly ids?: readonly [number, number];
}

function sourceOf({ at, type, buses, ats, physicalFunction, ids }: Plan): PciFunctionSource {
  const address = parsePciAddress(at)!;
  const builder = new ConfigSpaceBuilder({
    vendorId: ids?.[0] ?? 0x1af4,
    deviceId: ids?.[1] ?? 0x1000,
    classCode: buses === undefined ? 0x020000 : 0x060400,
    bridge: buses && { primary: address.bus, secondary: buses[0], subordinate: buses[1] },
  });
  if (type !== undefined) builder.express({ portType: type });
  if (ats) builder.ats({ enabled: true });
  return {
    address,
    config: builder.build(),
    physicalFunction: physicalFunction === undefined ? null : parsePciAddress(physicalFunction),
  };
}

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

function drhd(base: number, scopes: readonly DeviceScope[], segment = 0): DrhdStructure {
  return {
    kind: 'DRHD',
    type: 0,
    offset: 0,
    length: 16,
    includeAll: scopes.length === 0,
    segment,
    registerBase: u64(0, base),
    size: 0,
    scopes,
  };
}

const CAPABILITY = packCapability({ ND: 6, SAGAW: 6, MGAW: 47, FRO: 0x22, SSLPS: 3, PSI: 1, MAMV: 18 });
const EXTENDED = packExtendedCapability({ C: 1, QI: 1, DT: 1, IR: 1, PT: 1, IRO: 0xf, MHMV: 15 });

function unitAt(base: number): UnitSource {
  return { registerBase: u64(0, base), version: 0x10, capability: CAPABILITY, extendedCapability: EXTENDED };
}

interface Built {
  readonly machine: Machine;
  readonly events: HardwareEvent[];
  fn(name: string): ReturnType<Machine['topology']['functions']['get']> & object;
}

function machineOf(plans: readonly Plan[], drhds: readonly DrhdStructure[]): Built {
  const events: HardwareEvent[] = [];
  const machine = Machine.fromDescription(
    {
      dmar: drhds.length === 0 ? null : { hostAddressWidth: 39, structures: drhds },
      functions: plans.map(sourceOf),
      units: drhds.map(({ registerBase }) => unitAt(registerBase.lo)),
    },
    events,
  );
  return { machine, events, fn: (name) => machine.topology.functions.get(name)! };
}

describe('which unit serves a function', () => {
  const plans: readonly Plan[] = [
    { at: '0000:00:02.0' },
    { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [1, 2] },
    { at: '0000:01:00.0', type: 'UPSTREAM_PORT', buses: [2, 2] },
    { at: '0000:02:00.0', type: 'ENDPOINT' },
    { at: '0000:02:00.1', type: 'ENDPOINT' },
    { at: '0000:00:1f.0' },
    { at: '0001:00:00.0' },
    { at: '0000:00:03.0' },
    { at: '0000:03:00.0', physicalFunction: '0000:00:02.0' },
  ];
  const { machine, fn } = machineOf(plans, [
    drhd(0xfed90000, [scope('PCI_ENDPOINT', 0, [2, 0]), scope('PCI_ENDPOINT', 0, [0x1c, 0], [0, 0], [0, 1])]),
    drhd(0xfed91000, [scope('PCI_SUB_HIERARCHY', 0, [0x1c, 0])]),
    drhd(0xfed92000, []),
  ]);
  const served = (name: string) => machine.unitFor(fn(name))?.name ?? null;

  test.each([
    ['0000:00:02.0', 'dmar0', 'listed'],
    ['0000:02:00.0', 'dmar1', 'below a listed bridge'],
    ['0000:02:00.1', 'dmar0', 'listed, although also below a bridge another unit lists'],
    ['0000:00:1c.0', 'dmar1', 'the listed bridge itself'],
    ['0000:00:1f.0', 'dmar2', 'left over'],
    ['0000:03:00.0', 'dmar0', 'a virtual function goes with its physical one'],
    ['0001:00:00.0', null, 'of a segment without units'],
  ] as const)('%s: %s (%s)', (name, unit, _why) => {
    expect(served(name)).toBe(unit);
  });

  test('a structure whose registers nobody described makes no unit', () => {
    const source = {
      dmar: { hostAddressWidth: 39, structures: [drhd(0xfed90000, [])] },
      functions: [],
      units: [],
    };
    expect(Machine.fromDescription(source, []).units).toEqual([]);
  });
});

describe('source ids', () => {
  const { machine, fn } = machineOf(
    [
      { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [1, 3] },
      { at: '0000:01:00.0', type: 'PCIE_TO_PCI_BRIDGE', buses: [2, 3] },
      { at: '0000:02:05.1' },
      { at: '0000:02:06.0', buses: [3, 3] },
      { at: '0000:03:01.0' },
      { at: '0000:00:1e.0', buses: [4, 4] },
      { at: '0000:04:02.0' },
      { at: '0000:00:1d.0', type: 'ROOT_PORT', buses: [5, 5] },
      { at: '0000:05:00.3', type: 'ENDPOINT' },
      { at: '0000:00:0e.0', ids: [0x8086, 0x9a0b] },
      { at: '10000:e1:00.0', type: 'ENDPOINT' },
    ],
    [drhd(0xfed90000, [])],
  );

  test.each([
    ['0000:05:00.3', 0x0503, 'behind a root port: its own'],
    ['0000:02:05.1', 0x0200, 'behind a PCIe-to-PCI bridge: device 0 of the secondary bus'],
    ['0000:03:01.0', 0x0200, 'two bridges down: the uppermost decides'],
    ['0000:04:02.0', 0x00f0, 'behind a conventional bridge on the root bus: the bridge'],
    ['10000:e1:00.0', 0x0070, 'behind a volume management device: that device'],
  ])('%s is 0x%s (%s)', (name, id) => {
    expect(machine.requesterId(fn(name))).toBe(id);
  });

  test('a function behind a volume management device is served by that device’s unit', () => {
    expect(machine.unitFor(fn('10000:e1:00.0'))?.name).toBe('dmar0');
  });
});

/** One function, 00:02.0, in domain 0x42 of a legacy unit: 0x5000 and 0x6000 read-write, 0x7000 read-only. */
function mapped(options: { ats?: boolean; type?: number } = {}): Built {
  const built = machineOf([{ at: '0000:00:02.0', ats: options.ats }], [drhd(0xfed90000, [])]);
  const { memory, units } = built.machine;
  const store = (address: number, lo: number, hi = 0) => memory.store64(address, u64(hi, lo));
  store(0x10000, 0x11001);
  store(0x11100, 0x12001 | ((options.type ?? 0) << 2));
  store(0x11108, 0x4202);
  store(0x12000, 0x13003);
  store(0x13000, 0x14003);
  store(0x14000, 0x15003);
  store(0x15028, 0x85003);
  store(0x15030, 0x96003);
  store(0x15038, 0xa7001);
  units[0].writeRegister(REGISTER.RTADDR, 8, u64(0, 0x10000));
  units[0].writeRegister(REGISTER.GCMD, 4, u64(0, GLOBAL.SRTP));
  units[0].writeRegister(REGISTER.GCMD, 4, u64(0, GLOBAL.TE));
  return built;
}

function dma(
  { machine, fn }: Built,
  access: 'READ' | 'WRITE',
  address: number,
  size: number,
  data?: Uint8Array,
  addressType: DeviceAddressType = 'UNTRANSLATED',
) {
  return machine.dma({
    fn: fn('0000:00:02.0'),
    pasid: null,
    address: u64FromNumber(address),
    size,
    access,
    data,
    addressType,
  });
}

describe('DMA', () => {
  test('moves bytes page by page to where the tables lead', () => {
    const built = mapped();
    const data = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
    const written = dma(built, 'WRITE', 0x5ff8, 16, data);
    expect(written).toMatchObject({ blocked: null, data: null, completion: 'SUCCESS' });
    expect(written.segments).toEqual([
      { address: u64(0, 0x5ff8), physical: 0x85ff8, size: 8, cached: false },
      { address: u64(0, 0x6000), physical: 0x96000, size: 8, cached: false },
    ]);
    expect([...built.machine.memory.readBytes(0x85ff8, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const read = dma(built, 'READ', 0x5ff8, 16);
    expect(read.data).toEqual(data);
    expect(read.segments.map(({ cached }) => cached)).toEqual([true, true]);
  });

  test('stops at the first piece refused; what was written before stays', () => {
    const built = mapped();
    const result = dma(built, 'WRITE', 0x6ffc, 8, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(result.segments).toHaveLength(1);
    expect(result).toMatchObject({
      blocked: { kind: 'BLOCKED', reason: 5, recorded: true, address: u64(0, 0x7000) },
      completion: 'UNSUPPORTED_REQUEST',
      data: null,
    });
    expect([...built.machine.memory.readBytes(0x96ffc, 4)]).toEqual([1, 2, 3, 4]);
    expect([...built.machine.memory.readBytes(0xa7000, 4)]).toEqual([0, 0, 0, 0]);
    expect(built.events.filter(({ type }) => type === 'FAULT')).toHaveLength(1);
  });

  test('writes zeros where no bytes were given', () => {
    const built = mapped();
    built.machine.memory.writeBytes(0x85000, Uint8Array.of(9, 9, 9, 9));
    dma(built, 'WRITE', 0x5000, 4);
    expect([...built.machine.memory.readBytes(0x85000, 4)]).toEqual([0, 0, 0, 0]);
  });

  test('of no bytes still asks the unit', () => {
    const built = mapped();
    expect(dma(built, 'READ', 0x5000, 0)).toMatchObject({ segments: [{ size: 0 }], blocked: null });
    expect(dma(built, 'READ', 0x8000, 0).blocked).toMatchObject({ reason: 6 });
  });

  test('reaches memory as it is where no unit is in the way', () => {
    const built = machineOf([{ at: '0000:00:02.0' }], []);
    dma(built, 'WRITE', 0x5000, 4, Uint8Array.of(1, 2, 3, 4));
    expect([...built.machine.memory.readBytes(0x5000, 4)]).toEqual([1, 2, 3, 4]);
    expect(dma(built, 'READ', 2 ** 52, 4)).toMatchObject({
      completion: 'UNSUPPORTED_REQUEST',
      data: Uint8Array.of(0xff, 0xff, 0xff, 0xff),
    });
  });

  test('of four aligned bytes to the interrupt range is an interrupt; of other sizes a fault', () => {
    const built = mapped();
    const message = Uint8Array.of(0x31, 0, 0, 0);
    expect(dma(built, 'WRITE', 0xfee05000, 4, message)).toMatchObject({ segments: [], blocked: null });
    expect(built.events.at(-1)).toMatchObject({
      type: 'INTERRUPT',
      vector: 0x31,
      destination: 5,
      sourceId: 0x10,
    });
    expect(dma(built, 'WRITE', 0xfee05000, 8).blocked).toMatchObject({ reason: 0x29, recorded: true });
  });

  test('messages of a unit go to whoever listens', () => {
    const built = mapped();
    const heard: unknown[] = [];
    const [unit] = built.machine.units;
    built.machine.messageHandler = {
      unitMessage: (from, address, data) => heard.push([from.name, address.lo, data]),
    };
    unit.writeRegister(REGISTER.FEADDR, 4, u64(0, 0xfee00000));
    unit.writeRegister(REGISTER.FEDATA, 4, u64(0, 0x41));
    unit.writeRegister(REGISTER.FECTL, 4, u64(0, 0));
    dma(built, 'READ', 0x8000, 4);
    expect(heard).toEqual([['dmar0', 0xfee00000, 0x41]]);
  });
});

describe('a device with a translation cache of its own', () => {
  const ATS = { ats: true, type: 1 };
  const own = (built: Built, access: 'READ' | 'WRITE', address: number, size: number) =>
    dma(built, access, address, size, undefined, 'DEVICE_TLB');

  test('is left alone by requests it does not translate itself', () => {
    const built = mapped(ATS);
    own(built, 'READ', 0x5000, 4);
    built.machine.memory.store64(0x15028, u64(0, 0xb0003));
    built.machine.units[0].caches.invalidateAll();
    expect(dma(built, 'READ', 0x5004, 4).segments).toMatchObject([{ physical: 0xb0004, cached: false }]);
  });

  test('asks once and then uses its copy, past a change of the tables and past the unit’s own flush', () => {
    const built = mapped(ATS);
    expect(own(built, 'READ', 0x5000, 4).segments[0].cached).toBe(false);
    built.machine.memory.store64(0x15028, u64(0, 0xb0003));
    built.machine.units[0].caches.invalidateAll();
    expect(own(built, 'READ', 0x5004, 4).segments).toEqual([
      { address: u64(0, 0x5004), physical: 0x85004, size: 4, cached: true },
    ]);
    expect(built.machine.units[0].cacheEntries('DEVICE_TLB', 10)).toEqual([
      {
        kind: 'DEVICE_TLB',
        sourceId: 0x10,
        domainId: null,
        pasid: null,
        address: u64(0, 0x5000),
        pageSize: 4096,
        target: u64(0, 0x85000),
        access: ['READ', 'WRITE'],
        stale: true,
      },
    ]);
  });

  test('is emptied by a device-TLB descriptor', () => {
    const built = mapped(ATS);
    own(built, 'READ', 0x5000, 4);
    const [unit] = built.machine.units;
    built.machine.memory.store64(0x50000, u64(0x10, 3));
    built.machine.memory.store64(0x50008, u64(0x7fffffff, 0xfffff001));
    unit.writeRegister(REGISTER.IQA, 8, u64(0, 0x50000));
    unit.writeRegister(REGISTER.GCMD, 4, u64(0, GLOBAL.TE | GLOBAL.QIE));
    unit.writeRegister(REGISTER.IQT, 8, u64(0, 0x10));
    expect(built.events.at(-1)).toMatchObject({
      descriptor: 'DEVICE_TLB',
      granularity: 'DEVICE',
      dropped: 1,
    });
    expect(unit.cacheEntries('DEVICE_TLB', 10)).toEqual([]);
  });

  test('is emptied when ATS is switched off', () => {
    const built = mapped(ATS);
    own(built, 'READ', 0x5000, 4);
    const fn = built.fn('0000:00:02.0');
    fn.writeConfig(fn.ats!.offset + 6, 2, 0);
    expect(built.machine.deviceTlb(fn)).toBeNull();
    fn.writeConfig(fn.ats!.offset + 6, 2, 0x8000);
    expect([...built.machine.deviceTlb(fn)!.entries()]).toEqual([]);
  });

  test('sends what it may not do untranslated, so that the unit refuses and records it', () => {
    expect(own(mapped(ATS), 'WRITE', 0x7000, 4).blocked).toMatchObject({ reason: 5, recorded: true });
    expect(own(mapped(ATS), 'READ', 0x8000, 4).blocked).toMatchObject({ reason: 6, recorded: true });
  });

  test('is stopped where the context entry forbids translated requests', () => {
    const built = mapped({ ats: true, type: 0 });
    expect(own(built, 'READ', 0x5000, 4).blocked).toMatchObject({ reason: 0x0d, recorded: true });
  });

  test('a translation request alone moves nothing and fills the cache', () => {
    const built = mapped(ATS);
    const fn = built.fn('0000:00:02.0');
    const ask = (address: number) =>
      built.machine.dma({
        fn,
        pasid: null,
        address: u64FromNumber(address),
        size: 4,
        access: 'READ',
        addressType: 'TRANSLATION_REQUEST',
      });
    expect(ask(0x6000)).toMatchObject({ segments: [{ physical: 0x96000 }], data: null, blocked: null });
    expect([...built.machine.deviceTlb(fn)!.entries()]).toHaveLength(1);
    expect(ask(0x8000)).toMatchObject({
      blocked: { reason: 6, recorded: false, completion: 'SUCCESS' },
      completion: 'SUCCESS',
    });
  });
});
