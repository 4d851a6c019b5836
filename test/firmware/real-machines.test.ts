import { formatPciAddress } from '../../src/bits/pci-address.js';
import { toHexDigits } from '../../src/bits/u64.js';
import { describeMachine } from '../../src/firmware/import.js';
import type { MachineParts } from '../../src/firmware/import.js';
import { describeRealData, filesBelow, has, readBytes, readText } from './support/real-data.js';

const orNone = (paths: string[]) => (paths.length > 0 ? paths : ['(none)']);
const optional = (path: string) => (has(path) ? readText(path) : undefined);
const base64 = (path: string) => (has(path) ? Buffer.from(readBytes(path)).toString('base64') : undefined);
const read = (parts: MachineParts) => {
  const { description, warnings } = describeMachine(parts);
  return { description, said: warnings.map(({ source, message }) => `${source}: ${message}`) };
};

const captures = filesBelow('qemu-linux', /^lspci-xxxx\.txt$/).map((path) => path.replace(/\/[^/]*$/, ''));
const capture = (path: string, pci: string): MachineParts => ({
  dmar: base64(`${path}/DMAR.bin`),
  pci: optional(`${path}/${pci}`),
  iommuGroups: optional(`${path}/iommu_groups.txt`),
  iommuUnits: optional(`${path}/iommu_units.txt`),
  kernelLog: optional(`${path}/dmesg.txt`),
});

describeRealData('a machine captured whole', () => {
  const running = captures.filter((path) => optional(`${path}/iommu_units.txt`)?.includes('dmar0'));
  it.each(orNone(running))('%s is described without a warning', (path) => {
    const { description, said } = read(capture(path, 'lspci-xxxx.txt'));
    // Subdevices have groups of their own, in a listing made while some existed.
    const subdevices = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
    expect(said.filter((message) => !subdevices.test(message))).toEqual([]);
    const text = readText(`${path}/iommu_units.txt`);
    expect(description.units.map(({ capability }) => toHexDigits(capability))).toEqual([
      /cap: (\S+)/.exec(text)?.[1],
    ]);
    expect(description.commandLine).toBe(readText(`${path}/cmdline.txt`).trim());
    expect(description.functions).toHaveLength(readText(`${path}/pci_devices.txt`).trim().split('\n').length);
    const groups = readText(`${path}/iommu_groups.txt`).match(/devices: [0-9a-f]{4}:/g) ?? [];
    expect(description.reportedGroups).toHaveLength(groups.length);
  });

  it.each(orNone(running))('%s: its verbose listing gives the same topology', (path) => {
    const [dump, verbose] = ['lspci-xxxx.txt', 'lspci-vvvnn.txt'].map((pci) => read(capture(path, pci)));
    const shape = ({ description }: typeof dump) =>
      description.functions.map(({ address, physicalFunction }) => [
        formatPciAddress(address),
        physicalFunction,
      ]);
    expect(shape(verbose)).toEqual(shape(dump));
    const count = verbose.description.functions.length;
    const gap = `pci: ${count} of ${count} functions: no hex dump; configuration space made from the verbose text, zero where it says nothing`;
    expect(verbose.said).toEqual([gap, ...dump.said]);
  });

  it('whose kernel had the units switched off gets the registers of its log', () => {
    const { description, said } = read(capture('qemu-linux/topology/kernel-off', 'lspci-xxxx.txt'));
    // The kernel found the unit and logged it all the same.
    expect(description.units.map(({ capability }) => toHexDigits(capability))).toEqual(['d2008c222f0606']);
    expect(said).toEqual(['iommuUnits: names no unit dmar0, dmar1 ...', 'iommuGroups: names no group']);
  });

  it('without a table has no units, and its devices all the same', () => {
    const { description, said } = read(capture('qemu-linux/topology/no-iommu', 'lspci-xxxx.txt'));
    expect([description.dmar, description.units, description.functions.length]).toEqual([null, [], 8]);
    expect(said).toContain('dmar: no DMAR table given: the machine gets no remapping unit');
  });
});

describeRealData('machines posted in pieces', () => {
  const names = filesBelow('topology', /\.lspci\.txt$/).map((path) =>
    path.slice('topology/'.length, -'.lspci.txt'.length),
  );
  it.each(orNone(names))('%s: no line of any piece is in error', (name) => {
    const { warnings } = describeMachine({
      dmar: base64(`dmar/${name}.bin`),
      pci: readText(`topology/${name}.lspci.txt`),
      iommuGroups: optional(`topology/${name}.groups.txt`),
      kernelLog: optional(`topology/${name}.dmesg.txt`),
    });
    expect(warnings.filter(({ line }) => line !== null)).toEqual([]);
  });

  it('with a volume management segment say which functions no unit covers', () => {
    const { said } = read({
      dmar: base64('dmar/laptop-cometlake-vmd-segment1.bin'),
      pci: readText('topology/laptop-cometlake-vmd-segment1.lspci.txt'),
    });
    expect(said).toContain(
      'dmar: no DRHD covers segment 0001: 3 in the PCI listing, the first is 0001:00:00.0',
    );
  });

  it('with a table for another machine say so', () => {
    const { said } = read({
      dmar: base64('dmar/server-dell-poweredge-r820.bin'),
      kernelLog: readText('dmesg/full-xps13-9360-6.6.txt'),
    });
    expect(said.filter((message) => message.includes('two machines'))).toHaveLength(3);
  });
});

describeRealData('tables of real machines', () => {
  const anomalies: Record<string, string> = {
    'dmar/laptop-hp-elitebook-8440p-badrmrr.bin': 'dmar: offset 0x70: RMRR [0x0-0xfff] starts at address 0',
    'dmar/laptop-lenovo-flex15-zerobase.bin':
      'dmar: offset 0x30: DRHD with register base 0; Linux refuses the table',
  };
  it.each(orNone(filesBelow('dmar', /\.bin$/)))(
    '%s: is faulted for what the manifest calls an anomaly, and nothing else',
    (path) => {
      const { said } = read({ dmar: base64(path) });
      const faults = said.filter((message) => message.includes('offset'));
      expect(faults).toEqual(path in anomalies ? [anomalies[path]] : []);
    },
  );
});

describeRealData('kernel logs', () => {
  it.each(orNone([...filesBelow('dmesg', /\.txt$/), ...filesBelow('qemu-linux', /dmesg.*\.txt$/)]))(
    '%s is read',
    (path) => {
      const { warnings } = describeMachine({ kernelLog: readText(path) });
      const complaints =
        readText(path).match(/DMAR: (?:\[Firmware Bug\]|Parse DMAR table failure)/g)?.length ?? 0;
      expect(warnings.filter(({ message }) => message.includes('complained'))).toHaveLength(complaints);
    },
  );
});
