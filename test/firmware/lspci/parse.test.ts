import { formatPciAddress } from '../../../src/bits/pci-address.js';
import { parseLspci } from '../../../src/firmware/lspci/parse.js';
import { CAPABILITY, EXTENDED_CAPABILITY } from '../../../src/layout/pci/capability-ids.js';
import { extendedCapabilities, standardCapabilities } from '../../../src/layout/pci/capabilities.js';
import { decodeDvsec, isScalableIov } from '../../../src/layout/pci/dvsec.js';
import { decodeExpress } from '../../../src/layout/pci/express.js';
import { decodeHeader } from '../../../src/layout/pci/header.js';
import { decodePasid } from '../../../src/layout/pci/pasid.js';

const first = (text: string) => parseLspci(text).functions[0].config;
const found = (text: string) => parseLspci(text).warnings.map(({ line, message }) => `${line}: ${message}`);
const express = (title: string, body = '') => {
  const config = first(`00:01.0 PCI bridge: X\n\tCapabilities: [40] ${title}\n${body}`);
  return decodeExpress(config, standardCapabilities(config)[0].offset);
};
const row = (offset: string, bytes: string) =>
  `${offset}: ${bytes}${' 00'.repeat(16 - bytes.split(' ').length)}\n`;
const HEADER = row('00', '86 80 16 19') + row('10', '00') + row('20', '00') + row('30', '00');

describe('addresses', () => {
  it('are read with and without a domain of four or more digits, and sorted', () => {
    const { functions } = parseLspci('10000:e1:00.0 X: Y\n00:1f.3 X: Y\n0001:00:00.0 X: Y\n');
    expect(functions.map(({ address }) => formatPciAddress(address))).toEqual([
      '0000:00:1f.3',
      '0001:00:00.0',
      '10000:e1:00.0',
    ]);
  });
});

describe('verbose text', () => {
  it.each([
    ['Express (v2) Endpoint, MSI 00', 'ENDPOINT'],
    ['Express Legacy Endpoint, IntMsgNum 0', 'LEGACY_ENDPOINT'],
    ['Express (v2) Root Port (Slot+), MSI 00', 'ROOT_PORT'],
    ['Express (v1) Upstream Port, MSI 00', 'UPSTREAM_PORT'],
    ['Express (v2) Downstream Port (Slot-), IntMsgNum 0', 'DOWNSTREAM_PORT'],
    ['Express (v2) PCI-Express to PCI/PCI-X Bridge, MSI 00', 'PCIE_TO_PCI_BRIDGE'],
    ['Express (v1) PCI/PCI-X Bridge, MSI 00', 'PCIE_TO_PCI_BRIDGE'],
    ['Express (v2) PCI/PCI-X to PCI-Express Bridge, MSI 00', 'PCI_TO_PCIE_BRIDGE'],
    ['Express (v2) Root Complex Integrated Endpoint, MSI 00', 'ROOT_COMPLEX_ENDPOINT'],
    ['Express (v2) Root Complex Event Collector, MSI 00', 'ROOT_COMPLEX_EVENT_COLLECTOR'],
  ])('%s', (title, portType) => {
    expect(express(title)).toMatchObject({ portType, slotImplemented: title.includes('Slot+') });
  });

  it('says when a port type is unknown', () => {
    expect(
      found(
        '00:01.0 PCI bridge [0604]: X [8086:0001]\n\tCapabilities: [40] Express (v2) Unknown type 12, MSI 00\n',
      ),
    ).toContain('2: "Express (v2) Unknown type 12, MSI 00" is no port type that is known; ignored');
  });

  it('keeps ARI forwarding and end-to-end prefixes of a port', () => {
    const shown = '\t\tDevCap2: EETLPPrefix-, ARIFwd+\n\t\tDevCtl2: Completion Timeout: 50us, ARIFwd-\n';
    expect(express('Express (v2) Root Port (Slot+)', shown)).toMatchObject({
      ariForwarding: true,
      endToEndPrefix: false,
    });
    // Old versions do not show prefixes.
    expect(express('Express (v2) Root Port (Slot+)', '\t\tDevCap2: Range ABC\n').endToEndPrefix).toBe(true);
  });

  it('reads PASID widths as the hexadecimal numbers they are', () => {
    const config = first(
      '6a:01.0 Class 0880: Device 8086:0b25\n\tCapabilities: [230 v1] Process Address Space ID (PASID)\n\t\tPASIDCap: Exec- Priv+, Max PASID Width: 14\n\t\tPASIDCtl: Enable+ Exec- Priv+\n',
    );
    expect(decodePasid(config, 0x230)).toEqual({
      offset: 0x230,
      executeSupported: false,
      privilegedSupported: true,
      maxWidth: 20,
      enabled: true,
      executeEnabled: false,
      privilegedEnabled: true,
    });
  });

  it('keeps the Scalable IOV capability and other vendors’ ones apart', () => {
    const config = first(
      '6a:01.0 Class 0880: Device 8086:0b25\n\tCapabilities: [100 v1] Designated Vendor-Specific: Vendor=8086 ID=0005 Rev=1 Len=24 <?>\n\tCapabilities: [120 v1] Designated Vendor-Specific: Vendor=1022 ID=0001 Rev=1 Len=44 <?>\n',
    );
    const entries = extendedCapabilities(config).filter(
      ({ id }) => id === EXTENDED_CAPABILITY.designatedVendorSpecific,
    );
    const dvsecs = entries.map(({ offset }) => decodeDvsec(config, offset));
    expect(dvsecs.map(isScalableIov)).toEqual([true, false]);
    expect(dvsecs[1]).toMatchObject({ vendorId: 0x1022, id: 1, revision: 1 });
  });

  it('gives every function of a device the multi-function bit, virtual functions left aside', () => {
    const sriov =
      '\tCapabilities: [320 v1] Single Root I/O Virtualization (SR-IOV)\n\t\tIOVCtl:\tEnable+ MSE+\n\t\tInitial VFs: 2, Total VFs: 2, Number of VFs: 2, Function Dependency Link: 00\n\t\tVF offset: 1, stride: 2, Device ID: a780\n';
    const listing = `00:02.0 VGA: X [8086:a780]\n${sriov}00:02.1 VGA: X [8086:a780]\n\tControl: I/O-\n00:02.3 VGA: X [8086:a780]\n\tControl: I/O-\n00:14.0 A: X [8086:0001]\n\tControl: I/O-\n00:14.2 B: X [8086:0002]\n\tControl: I/O-\n`;
    const { functions } = parseLspci(listing);
    const seen = functions.map(({ address, config, physicalFunction }) => [
      formatPciAddress(address),
      decodeHeader(config).multifunctionBit,
      physicalFunction && formatPciAddress(physicalFunction),
    ]);
    expect(seen).toEqual([
      ['0000:00:02.0', false, null],
      ['0000:00:02.1', false, '0000:00:02.0'],
      ['0000:00:02.3', false, '0000:00:02.0'],
      ['0000:00:14.0', true, null],
      ['0000:00:14.2', true, null],
    ]);
  });

  it('says when capabilities were hidden', () => {
    expect(
      found('00:02.0 VGA compatible controller [0300]: X [8086:0001]\n\tCapabilities: <access denied>\n'),
    ).toContain(
      'null: 1 of 1 functions: capabilities were hidden because lspci ran without the rights to read them',
    );
  });

  it('ignores a capability at an impossible place and names the line', () => {
    const text =
      '00:02.0 VGA compatible controller [0300]: X [8086:0001]\n\tCapabilities: [10] MSI: Enable+ Count=1/1\n\tCapabilities: [50] MSI: Enable+ Count=1/1\n\tCapabilities: [50] Express (v2) Endpoint\n';
    expect(found(text).slice(0, 2)).toEqual([
      '2: capability "MSI: Enable+ Count=1/1" cannot be at 0x10; ignored',
      '4: capability "Express (v2) Endpoint" cannot be at 0x50; ignored',
    ]);
    expect(standardCapabilities(first(text))).toEqual([{ id: CAPABILITY.msi, version: 0, offset: 0x50 }]);
  });
});

describe('hex dumps', () => {
  it('are taken as they are and say what a short one cannot', () => {
    const text = `00:02.0 VGA compatible controller: X\n${HEADER}`;
    expect(Buffer.from(first(text)).toString('hex', 0, 4)).toBe('86801619');
    expect(first(text)).toHaveLength(64);
    expect(found(text)).toEqual([
      'null: 1 of 1 functions: only 64 bytes dumped, so all capabilities are unknown',
    ]);
  });

  it('are completed from the verbose text when that shows more', () => {
    const text = `00:02.0 VGA compatible controller: X\n\tCapabilities: [100 v1] Access Control Services\n\t\tACSCap: SrcValid+\n${HEADER}`;
    const config = first(text);
    expect(config).toHaveLength(4096);
    expect(decodeHeader(config).deviceId).toBe(0x1916);
    expect(extendedCapabilities(config)).toEqual([{ id: 0x0d, version: 1, offset: 0x100 }]);
    expect(found(text)).toEqual([
      'null: 1 of 1 functions: hex dump shorter than what the text shows; the rest is made from the text',
    ]);
  });

  it('end at a line that does not follow the one before', () => {
    const text = `00:02.0 VGA compatible controller: X\n${HEADER}${row('50', '01')}`;
    expect(found(text)[0]).toBe('6: hex dump at 50 where 40 has to follow; rest ignored');
    expect(first(text)).toHaveLength(64);
  });

  it('are filled up with zeros and say from where', () => {
    const text = `00:02.0 VGA compatible controller: X\n${HEADER}${row('40', '01')}`;
    expect(found(text)[0]).toBe('6: hex dump ends after 80 bytes; up to 256 read as zero');
    expect(first(text)).toHaveLength(256);
  });

  it('without a whole header are not used', () => {
    const text = `00:02.0 VGA compatible controller [0300]: X [8086:1916]\n${row('00', '86 80')}`;
    expect(found(text)[0]).toBe('2: hex dump of 16 bytes does not hold a header; ignored');
    expect(decodeHeader(first(text)).deviceId).toBe(0x1916);
  });
});
