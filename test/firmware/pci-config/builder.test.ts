import { ConfigSpaceBuilder } from '../../../src/firmware/pci-config/builder.js';
import {
  listCapabilities,
  listExtendedCapabilities,
} from '../../../src/firmware/pci-config/capability-list.js';
import { ACS_BITS } from '../../../src/firmware/pci-config/isolation.js';

const ENDPOINT = { vendorId: 0x8086, deviceId: 0x0b25, classCode: 0x088000 };
const at = (bytes: Uint8Array, offset: number, length: number) =>
  Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');

describe('ConfigSpaceBuilder', () => {
  it('writes 256 bytes for a conventional function', () => {
    const config = new ConfigSpaceBuilder({ ...ENDPOINT, revision: 3, interruptPin: 1 }).build();
    expect(config).toHaveLength(256);
    expect(at(config, 0, 16)).toBe('8680250b0000000003008008'.padEnd(32, '0'));
    expect(config[0x3d]).toBe(1);
    expect(listCapabilities(config)).toEqual([]);
  });

  it('writes bus numbers and header type of a bridge', () => {
    const bridge = { primary: 0, secondary: 1, subordinate: 5 };
    const config = new ConfigSpaceBuilder({ ...ENDPOINT, classCode: 0x060400, bridge, multiFunction: true })
      .express({ type: 'ROOT_PORT', slot: 2 })
      .build();
    expect(config).toHaveLength(4096);
    expect(config[0x0e]).toBe(0x81);
    expect(at(config, 0x18, 3)).toBe('000105');
    // Version 2, type 4, slot implemented; slot number 2 in bits 31:19 of the slot capabilities.
    expect(at(config, 0x42, 2)).toBe('4201');
    expect(at(config, 0x40 + 0x14, 4)).toBe('00001000');
  });

  // The words an emulated data accelerator with Scalable IOV shows.
  it('writes ATS, PRI, PASID and the SIOV DVSEC as the emulated accelerator has them', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT)
      .express({ type: 'ROOT_COMPLEX_INTEGRATED_ENDPOINT' })
      .ats({ queueDepth: 1, pageAligned: true, globalInvalidate: true }, 0x100)
      .pri({ stopped: true, responsePasidRequired: true }, 0x110)
      .pasid({ width: 20, privileged: true }, 0x120)
      .siov({}, 0x140)
      .build();
    expect(at(config, 0x100, 8)).toBe('0f00011161000000');
    expect(at(config, 0x110, 8)).toBe('1300011200000081');
    expect(at(config, 0x120, 8)).toBe('1b00011404140000');
    expect(at(config, 0x140, 24)).toBe('230001008680810105000000010000000100000000000000');
  });

  it('writes queue depth 32 as 0', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT).ats({ queueDepth: 32, enabled: true, stu: 3 }).build();
    expect(at(config, 0x104, 4)).toBe('00000380');
  });

  // Bytes of a root port and of an NVMe function with SR-IOV read by lspci -xxxx under Linux.
  it('writes ACS of a root port as read from one', () => {
    const { SOURCE_VALIDATION, REQUEST_REDIRECT, COMPLETION_REDIRECT, UPSTREAM_FORWARDING } = ACS_BITS;
    const control = SOURCE_VALIDATION | REQUEST_REDIRECT | COMPLETION_REDIRECT | UPSTREAM_FORWARDING;
    const { TRANSLATION_BLOCKING, DIRECT_TRANSLATED } = ACS_BITS;
    const capability = control | TRANSLATION_BLOCKING | DIRECT_TRANSLATED;
    const config = new ConfigSpaceBuilder(ENDPOINT).acs({ capability, control }, 0x148).build();
    expect(at(config, 0x148, 8)).toBe('0d0001005f001d00');
  });

  it('writes SR-IOV fields at the places the specification gives them', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT)
      .sriov({
        enabled: true,
        memoryEnabled: true,
        ariHierarchy: true,
        totalVfs: 4,
        numVfs: 4,
        firstVfOffset: 1,
        vfStride: 1,
        vfDeviceId: 0x0010,
        supportedPageSizes: 0x553,
      })
      .build();
    expect(at(config, 0x108, 2)).toBe('1900');
    expect(at(config, 0x10c, 8)).toBe('0400040004000000');
    expect(at(config, 0x114, 4)).toBe('01000100');
    expect(at(config, 0x11a, 10)).toBe('10005305000001000000');
  });

  it('links capabilities in the order they were added', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT)
      .msi({ vectors: 4, address64: true }, 0x80)
      .express({ type: 'ENDPOINT' }, 0x40)
      .msix({ vectors: 8 })
      .ari({ nextFunction: 1 })
      .acs({ capability: 0 })
      .build();
    expect(listCapabilities(config)).toEqual([
      { id: 0x05, offset: 0x80 },
      { id: 0x10, offset: 0x40 },
      { id: 0x11, offset: 0x90 },
    ]);
    expect(at(config, 0x82, 2)).toBe('8400');
    expect(listExtendedCapabilities(config)).toEqual([
      { id: 0x0e, offset: 0x100 },
      { id: 0x0d, offset: 0x108 },
    ]);
  });

  it('leads from 0x100 to a first extended capability that lies elsewhere', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT).acs({ capability: 1 }, 0x148).build();
    expect(at(config, 0x100, 4)).toBe('00008014');
    expect(listExtendedCapabilities(config)).toEqual([{ id: 0x0d, offset: 0x148 }]);
  });

  it.each([
    ['overlap', 0x44],
    ['lie in the header', 0x20],
    ['are not aligned', 0x81],
    ['pass the end', 0xf8],
  ])('refuses capabilities that %s', (_name, offset) => {
    const builder = new ConfigSpaceBuilder(ENDPOINT)
      .express({ type: 'ENDPOINT' })
      .msix({ vectors: 1 }, offset);
    expect(() => builder.build()).toThrow(RangeError);
  });
});

describe('listCapabilities', () => {
  it('ends a list that points back to itself', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT).msi().msix({ vectors: 1 }).build();
    config[0x4d] = 0x40;
    expect(listCapabilities(config)).toHaveLength(2);
    const extended = new ConfigSpaceBuilder(ENDPOINT).ats().acs({ capability: 0 }).build();
    extended[0x10a] = 0x01;
    extended[0x10b] = 0x10;
    expect(listExtendedCapabilities(extended)).toHaveLength(2);
  });

  it('finds nothing in a space that could not be read', () => {
    expect(listCapabilities(new Uint8Array(4096).fill(0xff))).toEqual([]);
    expect(listExtendedCapabilities(new Uint8Array(4096).fill(0xff))).toEqual([]);
    expect(listExtendedCapabilities(new Uint8Array(64))).toEqual([]);
  });
});
