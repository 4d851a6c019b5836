import type { MachineDescription } from '../../../src/firmware/description.js';
import { PciFunction } from '../../../src/hardware/pci/function.js';
import { PciTopology } from '../../../src/hardware/pci/topology.js';
import { isRmrrLocked, reservedMemoryOf } from '../../../src/kernel/intel/rmrr.js';
import { atsAllowed, deviceToUnit } from '../../../src/kernel/intel/unit-lookup.js';
import { computeGroups } from '../../../src/kernel/iommu/pci-group.js';
import { legacyDesktop } from '../../../src/platform/templates/legacy-desktop/index.js';
import { sapphireRapids } from '../../../src/platform/templates/sapphire-rapids/index.js';

const view = (machine: MachineDescription) => {
  const dmar = machine.dmar!;
  const topology = new PciTopology(machine.functions.map((fn) => new PciFunction(fn)));
  const at = (address: string) => topology.functions.get(`0000:${address}`)!;
  return {
    groupsOfSeveral: computeGroups(topology)
      .filter((group) => group.length > 1)
      .map((group) => group.map(({ name }) => name.slice(5)).sort()),
    unit: (address: string) => deviceToUnit(dmar, topology, at(address))?.drhd.registerBase.lo.toString(16),
    everyFunction: [...topology.functions.values()].map((fn) => deviceToUnit(dmar, topology, fn)),
    ats: (address: string) => atsAllowed(dmar, topology, at(address)),
    locked: (address: string) => isRmrrLocked(dmar, topology, at(address)),
    reserved: (address: string) =>
      reservedMemoryOf(dmar, topology, at(address)).map(({ relaxable }) =>
        relaxable ? 'relaxable' : 'direct',
      ),
  };
};

describe('sapphire-rapids as the kernel sees it', () => {
  const kernel = view(sapphireRapids.describe());

  it('isolates all but chipset slots without ACS and conventional buses', () => {
    expect(kernel.groupsOfSeveral.sort()).toEqual([
      ['00:14.0', '00:14.2'],
      ['00:1f.0', '00:1f.4', '00:1f.5'],
      ['01:00.0', '02:00.0'],
      ['38:00.0', '39:04.0', '39:04.1'],
    ]);
  });

  it('has a unit for every function, the accelerators each on that of their stack', () => {
    expect(kernel.everyFunction).not.toContain(null);
    expect(['6a:01.0', '6a:02.0'].map(kernel.unit)).toEqual(['97bfc000', '97bfc000']);
    expect(['e7:01.0', 'e7:02.0'].map(kernel.unit)).toEqual(['c97fc000', 'c97fc000']);
    expect(['16:00.1', '16:11.3', '39:04.1', '00:14.0'].map(kernel.unit)).toEqual([
      'c67fc000',
      'c67fc000',
      'c77fc000',
      '957fc000',
    ]);
  });

  it('allows ATS for the accelerators and behind listed ports, not behind a conventional bus', () => {
    expect(['6a:01.0', 'e7:02.0', '16:00.0', '98:00.0'].map(kernel.ats)).toEqual([true, true, true, true]);
    expect(['02:00.0', '39:04.0'].map(kernel.ats)).toEqual([false, false]);
  });

  it('locks the RAID controller to its memory and lets go of that of the USB controller', () => {
    expect([kernel.reserved('27:00.0'), kernel.locked('27:00.0')]).toEqual([['direct'], true]);
    expect([kernel.reserved('00:14.0'), kernel.locked('00:14.0')]).toEqual([['relaxable'], false]);
  });
});

describe('legacy-desktop as the kernel sees it', () => {
  const kernel = view(legacyDesktop.describe());

  it('has one group of both slots and all behind them', () => {
    expect(kernel.groupsOfSeveral.sort()).toEqual([
      ['00:01.0', '00:01.1', '01:00.0', '01:00.1', '02:00.0'],
      ['00:14.0', '00:14.2'],
      ['00:1f.0', '00:1f.2', '00:1f.3', '00:1f.4'],
    ]);
  });

  it('has the graphics on a unit of their own', () => {
    expect(['00:02.0', '01:00.0', '00:14.0'].map(kernel.unit)).toEqual(['fed90000', 'fed91000', 'fed91000']);
  });

  it('gives up reserved memory of graphics and USB', () => {
    expect([kernel.reserved('00:02.0'), kernel.locked('00:02.0')]).toEqual([['relaxable'], false]);
    expect([kernel.reserved('00:14.0'), kernel.locked('00:14.0')]).toEqual([['relaxable'], false]);
  });
});
