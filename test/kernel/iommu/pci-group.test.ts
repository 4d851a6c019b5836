import { computeGroups, pciDeviceGroup } from '../../../src/kernel/iommu/pci-group.js';
import { enableAcs } from '../../../src/kernel/pci/acs.js';
import type { PciTopology } from '../../../src/hardware/pci/topology.js';
import { at, FULL_ACS, type FunctionPlan, machineOf } from '../../support/pci-machine.js';

function groups(topology: PciTopology): string[][] {
  return computeGroups(topology).map((members) => members.map((fn) => fn.name));
}

/** The reasons of the last function of the machine, with all earlier ones grouped. */
function reasonsOf(topology: PciTopology, name: string) {
  const grouped = computeGroups(topology);
  const fn = at(topology, name);
  const of = (other: typeof fn) =>
    other === fn ? null : (grouped.findIndex((m) => m.includes(other)) ?? null);
  return pciDeviceGroup(topology, fn, of).reasons;
}

const isolatingPort = { type: 'ROOT_PORT', acs: [FULL_ACS, FULL_ACS] } as const;

describe('pci_device_group()', () => {
  it('gives a single-function endpoint below an isolating port a group of its own', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', ...isolatingPort, buses: [1, 1] },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toEqual([['0000:00:1c.0'], ['0000:01:00.0']]);
    expect(reasonsOf(machine, '0000:01:00.0')).toMatchObject([{ kind: 'SINGLE', via: null, missingAcs: [] }]);
  });

  it('puts an endpoint with the root port above it that lacks access control', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [1, 1] },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toEqual([['0000:00:1c.0', '0000:01:00.0']]);
    const [reason] = reasonsOf(machine, '0000:01:00.0');
    expect(reason.kind).toBe('PATH_WITHOUT_ACS');
    expect(reason.via?.name).toBe('0000:00:1c.0');
    expect(reason.missingAcs).toEqual(['SrcValid', 'ReqRedir', 'CmpltRedir', 'UpstreamFwd']);
  });

  it('names only the bits a port implements and has not switched on', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', type: 'ROOT_PORT', acs: [FULL_ACS, FULL_ACS & ~4], buses: [1, 1] },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
    ]);
    expect(reasonsOf(machine, '0000:01:00.0')[0].missingAcs).toEqual(['ReqRedir']);
  });

  it('takes a bit the capability does not implement for wired on', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', type: 'ROOT_PORT', acs: [0x01, 0x01], buses: [1, 1] },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toHaveLength(2);
  });

  it('joins root ports of one slot that lack access control, and what is behind them', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', type: 'ROOT_PORT', multifunction: true, buses: [1, 1] },
      { at: '0000:00:1c.4', type: 'ROOT_PORT', multifunction: true, buses: [2, 2] },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
      { at: '0000:02:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toEqual([['0000:00:1c.0', '0000:00:1c.4', '0000:01:00.0', '0000:02:00.0']]);
    expect(reasonsOf(machine, '0000:00:1c.4')).toMatchObject([{ kind: 'MULTIFUNCTION_WITHOUT_ACS' }]);
  });

  it('separates functions of one device that redirect peer requests', () => {
    const plan = (fn: number, acs: readonly [number, number] | undefined): FunctionPlan => ({
      at: `0000:00:02.${fn}`,
      type: 'ROOT_COMPLEX_ENDPOINT',
      multifunction: true,
      acs,
    });
    expect(groups(machineOf([plan(0, [0x0c, 0x0c]), plan(1, [0x0c, 0x0c])]))).toHaveLength(2);
    expect(groups(machineOf([plan(0, [0x0c, 0x0c]), plan(1, undefined)]))).toHaveLength(2);
    expect(groups(machineOf([plan(0, undefined), plan(1, undefined)]))).toHaveLength(1);
  });

  it('lets every device below a switch share when a downstream port does not isolate', () => {
    const below = (acs: readonly [number, number] | undefined): FunctionPlan[] => [
      { at: '0000:00:1c.0', ...isolatingPort, buses: [1, 4] },
      { at: '0000:01:00.0', type: 'UPSTREAM_PORT', buses: [2, 4] },
      { at: '0000:02:00.0', type: 'DOWNSTREAM_PORT', acs, buses: [3, 3] },
      { at: '0000:02:01.0', type: 'DOWNSTREAM_PORT', acs, buses: [4, 4] },
      { at: '0000:03:00.0', type: 'ENDPOINT' },
      { at: '0000:04:00.0', type: 'ENDPOINT' },
    ];
    expect(groups(machineOf(below([FULL_ACS, FULL_ACS])))).toHaveLength(6);
    // Each port is reached through a single-function upstream port, which counts as isolating.
    expect(groups(machineOf(below(undefined)))).toEqual([
      ['0000:00:1c.0'],
      ['0000:01:00.0'],
      ['0000:02:00.0', '0000:03:00.0'],
      ['0000:02:01.0', '0000:04:00.0'],
    ]);
  });

  it('puts all of a conventional bus with its PCIe-to-PCI bridge', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', ...isolatingPort, buses: [1, 2] },
      { at: '0000:01:00.0', type: 'PCIE_TO_PCI_BRIDGE', buses: [2, 2] },
      { at: '0000:02:01.0' },
      { at: '0000:02:02.0' },
    ]);
    expect(groups(machine)).toEqual([['0000:00:1c.0'], ['0000:01:00.0', '0000:02:01.0', '0000:02:02.0']]);
    expect(reasonsOf(machine, '0000:02:02.0')).toMatchObject([{ kind: 'CONVENTIONAL_BUS' }]);
  });

  it('goes on upward from a conventional bridge', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [1, 3] },
      { at: '0000:01:00.0', type: 'PCIE_TO_PCI_BRIDGE', buses: [2, 3] },
      { at: '0000:02:01.0', buses: [3, 3] },
      { at: '0000:03:01.0' },
    ]);
    expect(groups(machine)).toHaveLength(1);
  });

  it('joins devices one of which uses the requester id of the other', () => {
    const marvell = { type: 'ENDPOINT', ids: [0x1b4b, 0x9172] } as const;
    const port = { at: '0000:00:1c.0', ...isolatingPort, buses: [1, 1] } as const;
    const machine = machineOf([
      port,
      { at: '0000:01:00.0', ...marvell, multifunction: true, acs: [0x0c, 0x0c] },
      { at: '0000:01:00.1', type: 'ENDPOINT', ids: [0x1b4b, 0x91a4], multifunction: true, acs: [0x0c, 0x0c] },
    ]);
    expect(groups(machine)).toEqual([['0000:00:1c.0'], ['0000:01:00.0', '0000:01:00.1']]);
    expect(reasonsOf(machine, '0000:01:00.1')).toMatchObject([{ kind: 'DMA_ALIAS' }]);
  });

  it('ends when devices alias each other in a circle', () => {
    const bridge = { type: 'ENDPOINT', ids: [0x10b5, 0x87b0] } as const;
    const machine = machineOf([
      { at: '0000:01:00.0', ...bridge },
      { at: '0000:01:01.0', ...bridge },
      { at: '0000:01:02.0', ...bridge },
    ]);
    expect(groups(machine)).toHaveLength(1);
  });

  it('groups what is behind a volume management device with that device', () => {
    const machine = machineOf([
      { at: '0000:00:0e.0', ids: [0x8086, 0x9a0b], type: 'ROOT_COMPLEX_ENDPOINT', classCode: 0x010400 },
      { at: '10000:e0:06.0', ...isolatingPort, buses: [0xe1, 0xe1] },
      { at: '10000:e1:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toEqual([['0000:00:0e.0', '10000:e0:06.0', '10000:e1:00.0']]);
    expect(reasonsOf(machine, '10000:e1:00.0')).toMatchObject([{ kind: 'DMA_ALIAS' }]);
  });

  it('gives each virtual function a group below an isolating path', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', ...isolatingPort, buses: [1, 1] },
      {
        at: '0000:01:00.0',
        type: 'ENDPOINT',
        multifunction: true,
        sriov: { numVfs: 2, firstOffset: 2, stride: 1 },
      },
      { at: '0000:01:00.2', type: 'ENDPOINT' },
      { at: '0000:01:00.3', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toHaveLength(4);
  });
});

describe('vendor quirks', () => {
  it('isolate integrated Intel endpoints without the capability', () => {
    const plan = (fn: number): FunctionPlan => ({
      at: `0000:00:08.${fn}`,
      ids: [0x8086, 0x0b25],
      type: 'ROOT_COMPLEX_ENDPOINT',
      multifunction: true,
    });
    const machine = machineOf([plan(0), plan(1)]);
    expect(groups(machine)).toHaveLength(2);
    expect(reasonsOf(machine, '0000:00:08.1')).toMatchObject([{ kind: 'QUIRK' }]);
  });

  it('isolate old chipset root ports when the chipset registers are reachable', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', ids: [0x8086, 0x1e10], type: 'ROOT_PORT', multifunction: true, buses: [1, 1] },
      { at: '0000:00:1c.1', ids: [0x8086, 0x1e12], type: 'ROOT_PORT', multifunction: true, buses: [2, 2] },
      { at: '0000:00:1f.0', ids: [0x8086, 0x1e44], classCode: 0x060100 },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toHaveLength(4);
  });

  it('read the control of 100 series root ports where erratum 23 puts it', () => {
    const machine = machineOf([
      { at: '0000:00:1c.0', ids: [0x8086, 0xa110], type: 'ROOT_PORT', acs: [0x0f, 0], buses: [1, 1] },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine)).toHaveLength(1);
    const port = at(machine, '0000:00:1c.0');
    enableAcs(port);
    expect(port.readConfig((port.acs?.offset ?? 0) + 8, 2)).toBe(0x0d);
    expect(port.acs?.control).toBe(0);
    expect(groups(machine)).toHaveLength(2);
  });

  it('isolate functions of an AMD south bridge only where there is an AMD IOMMU', () => {
    const bridge: FunctionPlan[] = [
      { at: '0000:00:14.0', ids: [0x1002, 0x4385], multifunction: true },
      { at: '0000:00:14.2', ids: [0x1002, 0x4383], multifunction: true },
    ];
    const iommu = { at: '0000:00:00.2', ids: [0x1002, 0x5a23], classCode: 0x080600 } as const;
    expect(groups(machineOf(bridge))).toHaveLength(1);
    expect(groups(machineOf([iommu, ...bridge]))).toHaveLength(3);
  });
});

describe('numbering', () => {
  it('follows a bus before what is behind its bridges', () => {
    const machine = machineOf([
      { at: '0000:00:01.0', ...isolatingPort, buses: [5, 5] },
      { at: '0000:00:02.0', ...isolatingPort, buses: [3, 3] },
      { at: '0000:03:00.0', type: 'ENDPOINT' },
      { at: '0000:05:00.0', type: 'ENDPOINT' },
    ]);
    expect(groups(machine).flat()).toEqual(['0000:00:01.0', '0000:00:02.0', '0000:05:00.0', '0000:03:00.0']);
  });
});
