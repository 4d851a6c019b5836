import { PciFunction } from '../../../src/hardware/pci/function.js';
import type { DeviceScope } from '../../../src/layout/dmar/table.js';
import { at, functionOf, machineOf } from '../../support/pci-machine.js';
import { parsePciAddress } from '../../../src/bits/pci-address.js';

const endpoint = (startBus: number, ...path: [number, number][]): DeviceScope => ({
  kind: 'PCI_ENDPOINT',
  type: 1,
  flags: 0,
  enumerationId: 0,
  startBus,
  path: path.map(([device, fn]) => ({ device, function: fn })),
});

const switched = [
  { at: '0000:00:00.0', classCode: 0x060000 },
  { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [2, 5] },
  { at: '0000:02:00.0', type: 'UPSTREAM_PORT', buses: [3, 5] },
  { at: '0000:03:01.0', type: 'DOWNSTREAM_PORT', buses: [4, 4] },
  { at: '0000:04:00.0', type: 'ENDPOINT' },
] as const;

describe('PciTopology', () => {
  it('finds the bridges above a function, nearest first', () => {
    const topology = machineOf(switched);
    expect(topology.bridgesAbove(at(topology, '0000:04:00.0')).map((fn) => fn.name)).toEqual([
      '0000:03:01.0',
      '0000:02:00.0',
      '0000:00:1c.0',
    ]);
    expect(topology.upstreamBridge(at(topology, '0000:00:1c.0'))).toBeNull();
  });

  it('keeps functions in address order whatever order they came in', () => {
    const topology = machineOf([...switched].reverse());
    expect([...topology.functions.keys()]).toEqual(switched.map((plan) => plan.at));
  });

  it('does not follow a bridge that leads back to a bus above it', () => {
    const topology = machineOf([
      { at: '0000:00:01.0', type: 'ROOT_PORT', buses: [1, 1] },
      { at: '0000:01:00.0', type: 'UPSTREAM_PORT', buses: [0, 0] },
      { at: '0000:01:01.0', type: 'UPSTREAM_PORT', buses: [1, 1] },
    ]);
    expect(topology.bridgesAbove(at(topology, '0000:01:01.0')).map((fn) => fn.name)).toEqual([
      '0000:00:01.0',
    ]);
  });

  it('resolves a scope of several hops through secondary buses', () => {
    const topology = machineOf(switched);
    expect(topology.resolveScope(0, endpoint(0, [0x1c, 0], [0, 0], [1, 0], [0, 0]))?.name).toBe(
      '0000:04:00.0',
    );
    expect(topology.resolveScope(0, endpoint(0, [0x1c, 0], [5, 0]))).toBeNull();
    expect(topology.resolveScope(0, endpoint(0, [0, 0], [0, 0]))).toBeNull();
    expect(topology.resolveScope(1, endpoint(0, [0x1c, 0]))).toBeNull();
  });

  it('resolves no I/O APIC or ACPI scope to a function', () => {
    const topology = machineOf(switched);
    expect(topology.resolveScope(0, { ...endpoint(0, [0, 0]), kind: 'IOAPIC', type: 3 })).toBeNull();
  });

  it('takes functions in the id range of an enabled physical function for its virtual ones', () => {
    const virtual = new PciFunction({
      address: parsePciAddress('0000:05:00.2') ?? { domain: 0, bus: 0, device: 0, function: 0 },
      config: new Uint8Array(4096).fill(0xff),
    });
    const machine = machineOf([
      { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [4, 5] },
      {
        at: '0000:04:00.0',
        type: 'ENDPOINT',
        ids: [0x8086, 0x10fb],
        sriov: { numVfs: 2, firstOffset: 0x101, stride: 1 },
      },
      { at: '0000:05:00.1', type: 'ENDPOINT' },
    ]);
    expect(at(machine, '0000:05:00.1').physicalFunction?.name).toBe('0000:04:00.0');
    expect(machine.upstreamBridge(at(machine, '0000:05:00.1'))?.name).toBe('0000:00:1c.0');
    expect(at(machine, '0000:05:00.1').isMultifunction).toBe(false);
    virtual.belongsTo(at(machine, '0000:04:00.0'));
    expect([virtual.vendorId, virtual.deviceId]).toEqual([0x8086, 0x1111]);
  });
});

describe('PciFunction', () => {
  it('takes a function above 0 for one of several, and function 0 by its header', () => {
    expect(functionOf({ at: '00:01.1' }).isMultifunction).toBe(true);
    expect(functionOf({ at: '00:01.0' }).isMultifunction).toBe(false);
    expect(functionOf({ at: '00:01.0', multifunction: true }).isMultifunction).toBe(true);
  });

  it('lets software switch on only the access control it implements', () => {
    const port = functionOf({ at: '00:1c.0', type: 'ROOT_PORT', buses: [1, 1], acs: [0x0d, 0] });
    port.writeConfig((port.acs?.offset ?? 0) + 6, 2, 0x5f);
    expect(port.acs?.control).toBe(0x0d);
  });

  it('keeps ids and capability words against writes', () => {
    const fn = functionOf({ at: '00:01.0', type: 'ENDPOINT', acs: [0x1d, 0] });
    fn.writeConfig(0, 4, 0xdeadbeef);
    fn.writeConfig((fn.acs?.offset ?? 0) + 4, 2, 0);
    expect([fn.vendorId, fn.deviceId, fn.acs?.capability]).toEqual([0x1af4, 0x1000, 0x1d]);
  });

  it('has a configuration space of its own', () => {
    const config = new Uint8Array(64).fill(1);
    const fn = new PciFunction({ address: { domain: 0, bus: 0, device: 1, function: 0 }, config });
    config[0] = 0xaa;
    expect(fn.readConfig(0, 1)).toBe(1);
  });
});
