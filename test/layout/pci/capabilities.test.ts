import { acsNames, decodeAcs } from '../../../src/layout/pci/acs.js';
import { decodeAts } from '../../../src/layout/pci/ats.js';
import { extendedCapabilities, standardCapabilities } from '../../../src/layout/pci/capabilities.js';
import { readConfigSpace, writeConfigSpace } from '../../../src/layout/pci/config-space.js';
import { decodeDvsec, decodeScalableIov, isScalableIov } from '../../../src/layout/pci/dvsec.js';
import { decodeExpress } from '../../../src/layout/pci/express.js';
import { decodePasid } from '../../../src/layout/pci/pasid.js';
import { decodePri } from '../../../src/layout/pci/pri.js';
import { decodeSriov, virtualFunctionIds } from '../../../src/layout/pci/sriov.js';
import { classCodeName } from '../../../src/layout/pci/class-codes.js';

function space(bytes: number, words: Record<number, number> = {}): Uint8Array {
  const config = new Uint8Array(bytes);
  for (const [offset, value] of Object.entries(words)) writeConfigSpace(config, Number(offset), 4, value);
  return config;
}

describe('configuration space', () => {
  it('reads bytes that are not there as ones', () => {
    expect(readConfigSpace(space(64), 0x100, 4)).toBe(0xffffffff);
    expect(readConfigSpace(space(64), 63, 2)).toBe(0xffff);
    expect(readConfigSpace(space(64), 64, 1)).toBe(0xff);
  });
});

describe('capability lists', () => {
  it('follow the standard list from the pointer at 0x34', () => {
    const config = space(256, { 0x04: 0x00100000, 0x34: 0x50, 0x50: 0x6001, 0x60: 0x0010 });
    expect(standardCapabilities(config)).toEqual([
      { id: 1, version: 0, offset: 0x50 },
      { id: 0x10, version: 0, offset: 0x60 },
    ]);
  });

  it('are empty when the status register announces none', () => {
    expect(standardCapabilities(space(256, { 0x34: 0x50, 0x50: 0x0001 }))).toEqual([]);
  });

  it('end where a list loops', () => {
    const config = space(256, { 0x04: 0x00100000, 0x34: 0x50, 0x50: 0x6001, 0x60: 0x5005 });
    expect(standardCapabilities(config).map((entry) => entry.id)).toEqual([1, 5]);
    const extended = space(4096, { 0x100: 0x2001000b, 0x200: 0x1001000d });
    expect(extendedCapabilities(extended).map((entry) => entry.id)).toEqual([0x0b, 0x0d]);
  });

  it('end where a 64-byte dump ends', () => {
    expect(standardCapabilities(space(64, { 0x04: 0x00100000, 0x34: 0x50 }))).toEqual([]);
    expect(extendedCapabilities(space(256))).toEqual([]);
  });

  it('treat an extended header of all zeros or all ones as no list', () => {
    expect(extendedCapabilities(space(4096))).toEqual([]);
    expect(extendedCapabilities(space(4096).fill(0xff))).toEqual([]);
  });

  it('pass over a null capability and go on to the next', () => {
    const config = space(4096, { 0x100: 0x14010000, 0x140: 0x0002000f });
    expect(extendedCapabilities(config)).toEqual([{ id: 0x0f, version: 2, offset: 0x140 }]);
  });
});

describe('capability views', () => {
  // The virtual accelerator's words: PASID 0x000014040001001b, ATS 0x000000611101000f, PRI 0x8100000012010013.
  it('decode the PASID capability of an emulated accelerator', () => {
    const config = space(4096, { 0x100: 0x0001001b, 0x104: 0x00001404 });
    expect(decodePasid(config, 0x100)).toMatchObject({
      executeSupported: false,
      privilegedSupported: true,
      maxWidth: 20,
      enabled: false,
    });
  });

  it('decode its ATS capability', () => {
    const config = space(4096, { 0x100: 0x1101000f, 0x104: 0x00000061 });
    expect(decodeAts(config, 0x100)).toMatchObject({
      queueDepth: 1,
      pageAlignedRequest: true,
      globalInvalidate: true,
      enabled: false,
    });
  });

  it('read a queue depth of zero as 32', () => {
    expect(decodeAts(space(4096, { 0x100: 0x0001000f }), 0x100).queueDepth).toBe(32);
  });

  it('decode its PRI capability', () => {
    const config = space(4096, { 0x100: 0x12010013, 0x104: 0x81000000 });
    expect(decodePri(config, 0x100)).toMatchObject({
      stopped: true,
      responsePasidRequired: true,
      enabled: false,
    });
  });

  it('recognise the Scalable IOV capability', () => {
    const config = space(4096, {
      0x100: 0x00010023,
      0x104: 0x01818086,
      0x108: 0x00000005,
      0x10c: 0x00000001,
      0x110: 0x00000001,
      0x114: 0x00000001,
    });
    const dvsec = decodeDvsec(config, 0x100);
    expect(dvsec).toMatchObject({ vendorId: 0x8086, id: 5, length: 0x18, revision: 1 });
    expect(isScalableIov(dvsec)).toBe(true);
    expect(decodeScalableIov(config, 0x100)).toMatchObject({
      systemPageSize: 1,
      interruptMessageStorage: true,
    });
    expect(isScalableIov({ ...dvsec, vendorId: 0x10de })).toBe(false);
  });

  it('decode the port type of a PCIe capability', () => {
    expect(decodeExpress(space(256, { 0x50: 0x01420010 }), 0x50)).toMatchObject({
      version: 2,
      portType: 'ROOT_PORT',
      slotImplemented: true,
    });
    expect(decodeExpress(space(256, { 0x50: 0x00710010 }), 0x50).portType).toBe('PCIE_TO_PCI_BRIDGE');
  });

  it('name access control bits', () => {
    const acs = decodeAcs(space(4096, { 0x100: 0x0001000d, 0x104: 0x001d001f }), 0x100);
    expect(acsNames(acs.control)).toEqual(['SrcValid', 'ReqRedir', 'CmpltRedir', 'UpstreamFwd']);
  });

  it('number virtual functions by offset and stride', () => {
    const config = space(4096, { 0x100: 0x00010010, 0x108: 0x1, 0x110: 3, 0x114: 0x00020080 });
    expect(virtualFunctionIds(decodeSriov(config, 0x100), 0x0100)).toEqual([0x180, 0x182, 0x184]);
    writeConfigSpace(config, 0x108, 2, 0);
    expect(virtualFunctionIds(decodeSriov(config, 0x100), 0x0100)).toEqual([]);
  });
});

describe('class codes', () => {
  it('have the names lspci prints', () => {
    expect(classCodeName(0x030000)).toBe('VGA compatible controller');
    expect(classCodeName(0x088001)).toBe('System peripheral');
    expect(classCodeName(0x0b4000)).toBe('Co-processor');
    expect(classCodeName(0x03ab00)).toBe('Display controller');
    expect(classCodeName(0xabcd00)).toBe('Class abcd');
  });
});
