import { interruptSource } from '../../../src/kernel/intel/interrupt-source.js';
import { type FunctionPlan, at, machineOf } from '../../support/pci-machine.js';

/* Expected values: the comment of set_msi_sid(), drivers/iommu/intel/irq_remapping.c, and the field widths of
   VT-d 9.10: SVT 1 compares all of SID, SVT 2 the bus with a range, first bus in the high byte. */
const ID = 1;
const BUSES = 2;

function sourceOf(name: string, ...plans: FunctionPlan[]) {
  const topology = machineOf(plans);
  const { sourceValidation, sourceId } = interruptSource(topology, at(topology, name));
  return [sourceValidation, sourceId];
}

it('is the function itself behind ports that pass ids on', () => {
  expect(
    sourceOf(
      '0000:01:00.0',
      { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [1, 1] },
      { at: '0000:01:00.0', type: 'ENDPOINT' },
    ),
  ).toEqual([ID, 0x0100]);
});

it('is the bridge in front of a conventional bus', () => {
  expect(sourceOf('0000:04:00.0', { at: '0000:00:11.0', buses: [4, 4] }, { at: '0000:04:00.0' })).toEqual([
    ID,
    0x0088,
  ]);
});

it('is any id from the bus behind a PCIe-to-PCI bridge to that of the device', () => {
  expect(
    sourceOf(
      '0000:03:01.0',
      { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [1, 3] },
      { at: '0000:01:00.0', type: 'PCIE_TO_PCI_BRIDGE', buses: [2, 3] },
      { at: '0000:02:00.0', buses: [3, 3] },
      { at: '0000:03:01.0' },
    ),
  ).toEqual([BUSES, 0x0203]);
});

it('is any id of its bus for a function that sends under several', () => {
  // quirk_dma_func1_alias: a Marvell disk controller that also sends as function 1.
  expect(
    sourceOf(
      '0000:01:00.0',
      { at: '0000:00:1c.0', type: 'ROOT_PORT', buses: [1, 1] },
      { at: '0000:01:00.0', type: 'ENDPOINT', ids: [0x1b4b, 0x9230] },
    ),
  ).toEqual([BUSES, 0x0101]);
});
