import { describeMachine } from '../../../src/firmware/import.js';
import { Machine } from '../../../src/hardware/machine.js';
import { vfioIrqs } from '../../../src/kernel/vfio/device-info.js';
import { describeRealData, readBytes, readText } from '../../firmware/support/real-data.js';

const TOPOLOGY = 'qemu-linux/topology';

/** What lspci tells of the interrupts of each function, by address. */
function listed(text: string): Map<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  for (const block of text.split(/\n\n+/)) {
    const address = /^([0-9a-f]{2}:[0-9a-f]{2}\.\d) /.exec(block)?.[1];
    if (address === undefined) continue;
    const number = (pattern: RegExp) => Number(pattern.exec(block)?.[1] ?? 0);
    const counts = [
      // The emulator shows a pin in virtual functions too, which the kernel does not look at: is_virtfn.
      /Interrupt: pin [A-D]/.test(block) && !block.includes(' [virtual] ') ? 1 : 0,
      number(/ MSI: Enable\S Count=\d+\/(\d+)/),
      number(/ MSI-X: Enable\S Count=(\d+)/),
      ...(/Capabilities: \[\w+\] Express /.test(block) ? [1] : []),
      1,
    ];
    found.set(`0000:${address}`, counts);
  }
  return found;
}

describeRealData('interrupts a user of a function can have', () => {
  it.each(['flat-q35', 'multifunction', 'pcie-switch', 'pci-bridge-alias', 'sriov-nvme/after'])(
    'are those lspci tells, on %s',
    (machine) => {
      const { description } = describeMachine({
        dmar: Buffer.from(readBytes(`${TOPOLOGY}/${machine}/DMAR.bin`)).toString('base64'),
        pci: readText(`${TOPOLOGY}/${machine}/lspci-xxxx.txt`),
      });
      const { functions } = Machine.fromDescription(description, { push: () => undefined }).topology;
      const expected = listed(readText(`${TOPOLOGY}/${machine}/lspci-vvvnn.txt`));
      expect(expected.size).toBeGreaterThan(5);
      const counts = [...functions.values()].map((fn) => [fn.name, vfioIrqs(fn).map(({ count }) => count)]);
      expect(counts).toEqual([...expected]);
    },
  );
});
