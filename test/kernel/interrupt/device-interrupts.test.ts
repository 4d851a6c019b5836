import { toHex } from '../../../src/bits/u64.js';
import type { DeviceInterrupt } from '../../../src/kernel/interrupt/device-interrupt.js';
import { Host, type HostPlan, PARENT, codesOf, errnoOf } from '../../support/kernel/host.js';

const OTHER = '0000:6a:02.0';

/** A host whose parent has a table of MSI-X and no driver. */
function host(plan: HostPlan = {}): Host {
  return Host.boot({
    parents: [
      { msix: 8, msi: 4, driver: null },
      { at: OTHER, msix: 8, driver: null },
    ],
    ...plan,
  });
}

function signal(on: Host, { address, data }: DeviceInterrupt, from = PARENT) {
  const { fn } = on.device(from);
  return on.machine.unitFor(fn)!.interruptRequest(on.machine.requesterId(fn), address, data);
}

/** Both words of an entry as they lie in memory. */
function entry(on: Host, index: number): readonly [string, string] {
  const at = on.kernel.units[0].interruptTableFrame! * 4096 + index * 16;
  const { memory } = on.machine;
  return [toHex(memory.load64(at)), toHex(memory.load64(at + 8))];
}

describe('a driver that asks for interrupts', () => {
  it('gets them by MSI-X, each with the lowest free entry of the table of its unit', () => {
    const on = host();
    on.kernel.bindDriver(on.device(OTHER), 'other', 2);
    on.kernel.bindDriver(on.device(), 'idxd', 3);
    const { interrupts } = on.device();
    expect(interrupts.map(({ kind, entry: at }) => [kind, at!.unit.name, at!.index])).toEqual([
      ['MSI_X', 'dmar0', 2],
      ['MSI_X', 'dmar0', 3],
      ['MSI_X', 'dmar0', 4],
    ]);
    // Spec: VT-d 5.1.2.2: bits 19:5 and 2 the handle, 4 the format, 3 a subhandle in the data.
    expect(interrupts.map(({ address, data }) => [toHex(address), data])).toEqual([
      ['0xfee00058', 0],
      ['0xfee00078', 0],
      ['0xfee00098', 0],
    ]);
    const targets = [...interrupts, ...on.device(OTHER).interrupts].map(({ target }) => target.vector);
    expect(new Set(targets).size).toBe(5);
  });

  it('has them delivered to the vector and processor of each', () => {
    const on = host();
    on.kernel.bindDriver(on.device(), 'idxd', 2);
    for (const interrupt of on.device().interrupts) {
      const { vector, destination } = interrupt.target;
      expect(signal(on, interrupt)).toEqual({
        kind: 'DELIVERED',
        index: interrupt.entry!.index,
        vector,
        destination,
      });
    }
  });

  it('is the only one that may use them: another source id gives fault 0x26 and its line', () => {
    const on = host();
    on.kernel.bindDriver(on.device(), 'idxd', 2);
    const faults = on.faults(() => signal(on, on.device().interrupts[1], OTHER));
    expect(faults).toMatchObject([{ reason: 0x26, sourceId: 0x6a10 }]);
    expect(on.lines.at(-1)).toBe(
      'DMAR: [INTR-REMAP] Request device [6a:02.0] fault index 1 [fault reason 38] Blocked an interrupt request due to source-id verification failure',
    );
  });

  it('may be anybody under intremap=nosid', () => {
    const on = host({ config: { commandLine: 'intel_iommu=on,sm_on intremap=nosid' } });
    on.kernel.bindDriver(on.device(), 'idxd', 1);
    expect(signal(on, on.device().interrupts[0], OTHER).kind).toBe('DELIVERED');
  });

  it('switches MSI-X on and INTx off, and both back when it goes', () => {
    const on = host();
    const { fn } = on.device();
    on.kernel.bindDriver(on.device(), 'idxd', 1);
    expect([fn.msiX!.enabled, fn.msi!.enabled, fn.readConfig(4, 2) & 0x400]).toEqual([true, false, 0x400]);
    on.kernel.unbindDriver(on.device());
    expect([fn.msiX!.enabled, fn.readConfig(4, 2) & 0x400]).toEqual([false, 0]);
  });
});

describe('by MSI', () => {
  const parents = [{ msi: 4, driver: null }];

  it('takes a naturally aligned block of entries, and the data says which of them', () => {
    const on = host({ parents: [...parents, { at: OTHER, msix: 8, driver: null }] });
    on.kernel.bindDriver(on.device(OTHER), 'other', 1);
    on.kernel.bindDriver(on.device(), 'idxd', 3);
    const { interrupts, fn } = on.device();
    expect(
      interrupts.map(({ kind, entry: at, address, data }) => [kind, at!.index, toHex(address), data]),
    ).toEqual([
      ['MSI', 4, '0xfee00098', 0],
      ['MSI', 5, '0xfee00098', 1],
      ['MSI', 6, '0xfee00098', 2],
    ]);
    expect(interrupts.map((each) => signal(on, each))).toMatchObject([
      { index: 4 },
      { index: 5 },
      { index: 6 },
    ]);
    // Spec: PCI Local Bus 6.8.1: enable, 2^2 messages enabled, address and data.
    expect(fn.readConfig(fn.msi!.offset + 2, 2) & 0x71).toBe(0x21);
    expect(fn.readConfig(fn.msi!.offset + 4, 4) >>> 0).toBe(0xfee00098);
  });

  it('gives the block back as one, with one invalidation of it', () => {
    const on = host({ parents });
    on.kernel.bindDriver(on.device(), 'idxd', 3);
    const before = on.hardware.length;
    on.kernel.unbindDriver(on.device());
    // Spec: VT-d 6.5.2.7: G bit 4, IM bits 31:27, IIDX bits 47:32.
    const asked = on.hardware.slice(before).flatMap((event) => {
      if (event.type !== 'INVALIDATION' || event.descriptor !== 'INTERRUPT_ENTRY_CACHE') return [];
      const [{ hi, lo }] = event.words;
      return [[(lo >>> 4) & 1, hi & 0xffff, lo >>> 27]];
    });
    expect(asked).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [1, 2, 0],
      [1, 0, 2],
    ]);
    on.kernel.bindDriver(on.device(), 'idxd', 4);
    expect(on.device().interrupts[0].entry!.index).toBe(0);
  });

  it('is refused where one invalidation could not cover the block', () => {
    const on = host({ parents, ecap: { MHMV: 1 } });
    const lines = on.linesOf(() => {
      expect(errnoOf(() => on.kernel.bindDriver(on.device(), 'idxd', 4))).toBe('ENODEV');
    });
    expect(lines).toEqual([
      'DMAR-IR: Requested mask 2 exceeds the max invalidation handle mask value 1',
      'DMAR-IR: Failed to allocate IRTE',
      'idxd: probe of 0000:6a:01.0 failed with error -28',
    ]);
    expect(on.device().interrupts).toHaveLength(0);
  });
});

describe('unbinding the driver', () => {
  it('clears every entry, drops it from the cache after that, and the device is blocked with 0x22', () => {
    const on = host();
    on.kernel.bindDriver(on.device(), 'idxd', 2);
    const old = [...on.device().interrupts];
    for (const each of old) signal(on, each);
    on.kernel.unbindDriver(on.device());
    expect(on.device().interrupts).toHaveLength(0);
    expect([entry(on, 0), entry(on, 1)]).toEqual([
      ['0x0', '0x0'],
      ['0x0', '0x0'],
    ]);
    expect([...on.machine.units[0].interruptEntries()]).toEqual([]);
    const faults = on.faults(() => signal(on, old[0]));
    expect(faults).toMatchObject([{ reason: 0x22, sourceId: 0x6a08 }]);
    expect(on.lines.at(-1)).toBe(
      'DMAR: [INTR-REMAP] Request device [6a:01.0] fault index 0 [fault reason 34] Present field in the IRTE entry is clear',
    );
  });

  it('is part of taking the device away', () => {
    const on = host();
    on.kernel.bindDriver(on.device(), 'idxd', 2);
    on.kernel.removeDevice(on.device());
    expect([entry(on, 0), entry(on, 1)]).toEqual([
      ['0x0', '0x0'],
      ['0x0', '0x0'],
    ]);
    on.kernel.bindDriver(on.device(OTHER), 'other', 1);
    expect(on.device(OTHER).interrupts[0].entry!.index).toBe(0);
  });

  it('frees entries and vectors for the next driver', () => {
    const on = host();
    on.kernel.bindDriver(on.device(), 'idxd', 2);
    const before = on.device().interrupts.map(({ entry: at, target }) => [at!.index, target.vector]);
    on.kernel.unbindDriver(on.device());
    on.kernel.bindDriver(on.device(), 'idxd', 2);
    expect(on.device().interrupts.map(({ entry: at, target }) => [at!.index, target.vector])).toEqual(before);
  });
});

describe('a device that cannot signal as many', () => {
  it.each([
    ['V5_10', 'ENODEV', 'ENODEV'],
    ['V5_15', 'ENOSPC', 'EINVAL'],
  ] as const)(
    'is not bound; %s says %s, and %s where it has no messages at all',
    (profile, tooMany, none) => {
      const parents = [
        { msix: 2, driver: null },
        { at: OTHER, driver: null },
      ];
      const on = host({ parents, config: { profile } });
      const memory = on.machine.memory.writtenFrames;
      expect(memory).toBeDefined();
      expect(errnoOf(() => on.kernel.bindDriver(on.device(), 'idxd', 3))).toBe(tooMany);
      expect(codesOf(() => on.kernel.bindDriver(on.device(), 'idxd', 3))).toEqual(['TOO_MANY_VECTORS']);
      expect(errnoOf(() => on.kernel.bindDriver(on.device(OTHER), 'idxd', 1))).toBe(none);
      expect(codesOf(() => on.kernel.bindDriver(on.device(OTHER), 'idxd', 1))).toEqual([
        'NO_MESSAGE_INTERRUPTS',
      ]);
      expect([on.device().driver, on.device(OTHER).driver]).toEqual([null, null]);
      expect(on.lines.at(-1)).toBe('idxd: probe of 0000:6a:02.0 failed with error -22');
    },
  );
});

it('with DMA remapping off interrupts go through the table all the same', () => {
  const on = host({ config: { commandLine: 'intel_iommu=off' } });
  on.kernel.bindDriver(on.device(), 'idxd', 1);
  const [interrupt] = on.device().interrupts;
  expect(interrupt.entry!.unit.name).toBe('dmar0');
  expect(signal(on, interrupt).kind).toBe('DELIVERED');
});

it('a unit of its own has a table of its own, and entries of both begin at 0', () => {
  const on = host({ units: [{ devices: [PARENT] }, {}] });
  for (const at of [PARENT, OTHER]) on.kernel.bindDriver(on.device(at), 'some', 1);
  const places = [PARENT, OTHER].map((at) => on.device(at).interrupts[0].entry!);
  expect(places.map(({ unit, index }) => [unit.name, index])).toEqual([
    ['dmar0', 0],
    ['dmar1', 0],
  ]);
});

it('when the vectors of a processor are used up the next one takes over, until no more can be named', () => {
  const plan = (eim: number) => ({ parents: [{ msix: 2048, driver: null }], ecap: { EIM: eim } });
  const wide = host(plan(1));
  wide.kernel.bindDriver(wide.device(), 'idxd', 2048);
  // 154 a processor, in clusters of sixteen: linux x2apic_cluster.
  const ids = new Set(wide.device().interrupts.map(({ target }) => target.destination));
  expect([...ids].slice(0, 3)).toEqual([1, 2, 4]);
  const pairs = wide.device().interrupts.map(({ target }) => `${target.destination} ${target.vector}`);
  expect(new Set(pairs).size).toBe(2048);
  // Eight processors have a bit each where ids have 8 bits.
  const narrow = host(plan(0));
  expect(codesOf(() => narrow.kernel.bindDriver(narrow.device(), 'idxd', 2048))).toEqual([
    'NO_INTERRUPT_LEFT',
  ]);
  expect(narrow.device().interrupts).toHaveLength(0);
  narrow.kernel.bindDriver(narrow.device(), 'idxd', 1024);
  expect(Math.max(...narrow.device().interrupts.map(({ target }) => target.destination))).toBe(64);
});

describe('where interrupts are not remapped', () => {
  const config = { commandLine: 'intel_iommu=on,sm_on intremap=off' };

  it('a message names processor and vector itself, and passes', () => {
    const on = host({ config });
    on.kernel.bindDriver(on.device(), 'idxd', 2);
    const [first] = on.device().interrupts;
    expect(first.entry).toBeNull();
    expect(signal(on, first)).toEqual({
      kind: 'DELIVERED',
      index: null,
      vector: first.target.vector,
      destination: first.target.destination,
    });
  });

  it('MSI has one vector', () => {
    const on = host({ config, parents: [{ msi: 4, driver: null }] });
    expect(codesOf(() => on.kernel.bindDriver(on.device(), 'idxd', 2))).toEqual(['TOO_MANY_VECTORS']);
    on.kernel.bindDriver(on.device(), 'idxd', 1);
    expect(on.device().interrupts).toHaveLength(1);
  });
});
