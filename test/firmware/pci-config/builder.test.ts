import { ConfigSpaceBuilder } from '../../../src/firmware/pci-config/builder.js';
import { ACS } from '../../../src/layout/pci/acs.js';
import { extendedCapabilities, standardCapabilities } from '../../../src/layout/pci/capabilities.js';
import { decodeExpress } from '../../../src/layout/pci/express.js';

const ENDPOINT = { vendorId: 0x8086, deviceId: 0x0b25, classCode: 0x088000 };
const at = (bytes: Uint8Array, offset: number, length: number) =>
  Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');

describe('ConfigSpaceBuilder', () => {
  it('writes 256 bytes for a conventional function', () => {
    const config = new ConfigSpaceBuilder({ ...ENDPOINT, revision: 3, interruptPin: 1 }).build();
    expect(config).toHaveLength(256);
    expect(at(config, 0, 16)).toBe('8680250b0000000003008008'.padEnd(32, '0'));
    expect(config[0x3d]).toBe(1);
    expect(standardCapabilities(config)).toEqual([]);
  });

  it('writes bus numbers and header type of a bridge', () => {
    const bridge = { primary: 0, secondary: 1, subordinate: 5 };
    const config = new ConfigSpaceBuilder({ ...ENDPOINT, classCode: 0x060400, bridge, multiFunction: true })
      .express({ portType: 'ROOT_PORT', slot: 2 })
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
      .express({ portType: 'ROOT_COMPLEX_ENDPOINT' })
      .ats({ queueDepth: 1, pageAlignedRequest: true, globalInvalidate: true }, 0x100)
      .pri({ stopped: true, responsePasidRequired: true }, 0x110)
      .pasid({ maxWidth: 20, privilegedSupported: true }, 0x120)
      .siov({}, 0x140)
      .build();
    expect(at(config, 0x100, 8)).toBe('0f00011161000000');
    expect(at(config, 0x110, 8)).toBe('1300011200000081');
    expect(at(config, 0x120, 8)).toBe('1b00011404140000');
    expect(at(config, 0x140, 24)).toBe('230001008680810105000000010000000100000000000000');
  });

  it('writes queue depth 32 as 0', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT)
      .ats({ queueDepth: 32, enabled: true, smallestTranslationUnit: 3 })
      .build();
    expect(at(config, 0x104, 4)).toBe('00000380');
  });

  // Bytes of a root port and of an NVMe function with SR-IOV read by lspci -xxxx under Linux.
  it('writes ACS of a root port as read from one', () => {
    const control =
      ACS.sourceValidation | ACS.requestRedirect | ACS.completionRedirect | ACS.upstreamForwarding;
    const capability = control | ACS.translationBlocking | ACS.directTranslated;
    const config = new ConfigSpaceBuilder(ENDPOINT).acs({ capability, control }, 0x148).build();
    expect(at(config, 0x148, 8)).toBe('0d0001005f001d00');
  });

  it('writes SR-IOV fields at the places the specification gives them', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT)
      .sriov({
        vfEnabled: true,
        memoryEnabled: true,
        ariCapableHierarchy: true,
        totalVfs: 4,
        numVfs: 4,
        firstOffset: 1,
        stride: 1,
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
      .express({ portType: 'ENDPOINT' }, 0x40)
      .msix({ vectors: 8 })
      .ari({ nextFunction: 1 })
      .acs({ capability: 0 })
      .build();
    expect(standardCapabilities(config)).toEqual([
      { id: 0x05, version: 0, offset: 0x80 },
      { id: 0x10, version: 0, offset: 0x40 },
      { id: 0x11, version: 0, offset: 0x90 },
    ]);
    expect(at(config, 0x82, 2)).toBe('8400');
    expect(extendedCapabilities(config)).toEqual([
      { id: 0x0e, version: 1, offset: 0x100 },
      { id: 0x0d, version: 1, offset: 0x108 },
    ]);
  });

  it('leads from 0x100 to a first extended capability that lies elsewhere', () => {
    const config = new ConfigSpaceBuilder(ENDPOINT).acs({ capability: 1 }, 0x148).build();
    expect(at(config, 0x100, 4)).toBe('00008014');
    expect(extendedCapabilities(config)).toEqual([{ id: 0x0d, version: 1, offset: 0x148 }]);
  });

  it.each([
    ['overlap', 0x44],
    ['lie in the header', 0x20],
    ['are not aligned', 0x81],
    ['pass the end', 0xf8],
  ])('refuses capabilities that %s', (_name, offset) => {
    const builder = new ConfigSpaceBuilder(ENDPOINT)
      .express({ portType: 'ENDPOINT' })
      .msix({ vectors: 1 }, offset);
    expect(() => builder.build()).toThrow(RangeError);
  });

  it('supports end-to-end prefixes where there is a PASID capability, unless told otherwise', () => {
    const prefixes = (endToEndPrefix?: boolean) => {
      const builder = new ConfigSpaceBuilder(ENDPOINT).express({ portType: 'ENDPOINT', endToEndPrefix });
      return decodeExpress(builder.pasid({ maxWidth: 20 }).build(), 0x40).endToEndPrefix;
    };
    expect([prefixes(), prefixes(true), prefixes(false)]).toEqual([true, true, false]);
    const plain = new ConfigSpaceBuilder(ENDPOINT).express({ portType: 'ENDPOINT' }).build();
    expect(decodeExpress(plain, 0x40).endToEndPrefix).toBe(false);
  });
});
