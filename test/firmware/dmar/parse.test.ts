import { buildDmar } from '../../../src/firmware/dmar/build.js';
import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import { FirmwareInputError } from '../../../src/firmware/input-error.js';

// Spec: VT-d 8 "BIOS Considerations"; a synthetic table with all common structures, written by hand.
const EXAMPLE = Uint8Array.from(
  `44 4D 41 52 9A 00 00 00 01 AC 53 59 4E 54 48 20 45 58 41 4D 50 4C 45 20 01 00 00 00 54 45 53 54
   01 00 00 00 26 01 00 00 00 00 00 00 00 00 00 00 00 00 18 00 00 00 00 00 00 00 D9 FE 00 00 00 00
   01 08 00 00 00 00 02 00 00 00 20 00 01 00 00 00 00 10 D9 FE 00 00 00 00 03 08 00 00 02 F0 1F 00
   04 08 00 00 00 00 1F 00 01 00 22 00 00 00 00 00 00 00 80 7B 00 00 00 00 FF FF FF 7F 00 00 00 00
   01 0A 00 00 00 00 1C 04 00 00 02 00 10 00 00 00 00 00 02 08 00 00 00 00 1C 04`
    .split(/\s+/)
    .map((byte) => parseInt(byte, 16)),
);

const patched = (changes: Record<number, number>) => {
  const bytes = EXAMPLE.slice();
  for (const [offset, value] of Object.entries(changes)) bytes[Number(offset)] = value;
  return bytes;
};
const messages = (bytes: Uint8Array) => parseDmar(bytes).warnings.map((warning) => warning.message);

describe('DMAR table', () => {
  it('decodes the worked example field by field, without a warning', () => {
    const { table, warnings } = parseDmar(EXAMPLE);
    expect(warnings).toEqual([]);
    expect(table).toEqual({
      hostAddressWidth: 39,
      interruptRemapping: true,
      x2apicOptOut: false,
      dmaControlOptIn: false,
      checksumValid: true,
      oemId: 'SYNTH',
      oemTableId: 'EXAMPLE',
      structures: [
        {
          kind: 'DRHD',
          type: 0,
          offset: 0x30,
          length: 24,
          includeAll: false,
          segment: 0,
          registerBase: { hi: 0, lo: 0xfed90000 },
          size: 0,
          scopes: [
            {
              kind: 'PCI_ENDPOINT',
              type: 1,
              flags: 0,
              enumerationId: 0,
              startBus: 0,
              path: [{ device: 2, function: 0 }],
            },
          ],
        },
        {
          kind: 'DRHD',
          type: 0,
          offset: 0x48,
          length: 32,
          includeAll: true,
          segment: 0,
          registerBase: { hi: 0, lo: 0xfed91000 },
          size: 0,
          scopes: [
            {
              kind: 'IOAPIC',
              type: 3,
              flags: 0,
              enumerationId: 2,
              startBus: 0xf0,
              path: [{ device: 0x1f, function: 0 }],
            },
            {
              kind: 'HPET',
              type: 4,
              flags: 0,
              enumerationId: 0,
              startBus: 0,
              path: [{ device: 0x1f, function: 0 }],
            },
          ],
        },
        {
          kind: 'RMRR',
          type: 1,
          offset: 0x68,
          length: 34,
          segment: 0,
          base: { hi: 0, lo: 0x7b800000 },
          last: { hi: 0, lo: 0x7fffffff },
          scopes: [
            {
              kind: 'PCI_ENDPOINT',
              type: 1,
              flags: 0,
              enumerationId: 0,
              startBus: 0,
              path: [
                { device: 0x1c, function: 4 },
                { device: 0, function: 0 },
              ],
            },
          ],
        },
        {
          kind: 'ATSR',
          type: 2,
          offset: 0x8a,
          length: 16,
          allPorts: false,
          segment: 0,
          scopes: [
            {
              kind: 'PCI_SUB_HIERARCHY',
              type: 2,
              flags: 0,
              enumerationId: 0,
              startBus: 0,
              path: [{ device: 0x1c, function: 4 }],
            },
          ],
        },
      ],
    });
  });

  it('stops at a structure of length zero and names its offset', () => {
    const { table, warnings } = parseDmar(patched({ 0x32: 0, 9: 0xac + 0x18 }));
    expect(table.structures).toEqual([]);
    expect(warnings.map((warning) => warning.message)).toEqual([
      'offset 0x30: structure of type 0 has length 0; the rest of the table is not read',
    ]);
  });

  it('says that a checksum is wrong and keeps what it read', () => {
    const { table } = parseDmar(patched({ 9: 0xad }));
    expect(table.checksumValid).toBe(false);
    expect(table.structures).toHaveLength(4);
    expect(messages(patched({ 9: 0xad }))).toEqual([
      'offset 0x9: checksum 0xad is wrong: the bytes of the table do not add up to 0',
    ]);
  });

  it.each([
    ['no bytes', new Uint8Array(0), 'offset 0x0: no signature'],
    ['another table', patched({ 0: 0x46 }), 'offset 0x0: no signature'],
    ['half a header', EXAMPLE.slice(0, 40), 'offset 0x28: the table ends inside its 48-byte header'],
    ['a length below the header', patched({ 4: 12 }), 'offset 0x4: table length 12 is less'],
    [
      'a truncated table',
      EXAMPLE.slice(0, 100),
      'offset 0x4: table length 154, but only 100 bytes are there',
    ],
    [
      'a structure past the end',
      patched({ 0x8c: 0x11 }),
      'offset 0x8a: structure of type 2 and length 17 passes',
    ],
  ])('refuses %s, naming the offset', (_name, bytes, message) => {
    expect(() => parseDmar(bytes)).toThrow(FirmwareInputError);
    expect(() => parseDmar(bytes)).toThrow(message);
  });

  it.each([
    [
      'a scope of length zero',
      { 0x41: 0 },
      'offset 0x40: device scope of length 0, shorter than its own header',
    ],
    ['a scope past its structure', { 0x41: 10 }, 'offset 0x40: device scope of length 10 passes the end'],
    ['a scope without a path', { 0x41: 6 }, 'offset 0x40: device scope with an empty path'],
    ['a scope of odd length', { 0x81: 9 }, 'offset 0x80: device scope of odd length 9'],
    [
      'a device number above 31',
      { 0x46: 32 },
      'offset 0x46: device scope names device 32 function 0, which cannot exist',
    ],
    ['an unknown structure', { 0x8a: 7 }, 'offset 0x8a: structure of unknown type 7; skipped'],
    ['an address width below a page', { 36: 10 }, 'offset 0x24: host address width of 11 bits'],
  ])('warns about %s, naming the offset', (_name, changes, message) => {
    expect(messages(patched(changes)).join('\n')).toContain(message);
  });

  it('keeps the scopes before a broken one', () => {
    const { table } = parseDmar(patched({ 0x61: 0 }));
    expect(table.structures[1]).toMatchObject({ scopes: [{ kind: 'IOAPIC' }] });
  });

  it('ignores bytes behind the end and says how many', () => {
    const bytes = new Uint8Array(EXAMPLE.length + 3);
    bytes.set(EXAMPLE);
    expect(messages(bytes)).toEqual(['offset 0x9a: 3 bytes behind the end of the table; ignored']);
    expect(parseDmar(bytes).table).toEqual(parseDmar(EXAMPLE).table);
  });

  it('reads a table that lies inside a larger buffer', () => {
    const buffer = new Uint8Array(1000);
    buffer.set(EXAMPLE, 77);
    expect(parseDmar(buffer.subarray(77, 77 + EXAMPLE.length))).toEqual(parseDmar(EXAMPLE));
  });
});

describe('buildDmar', () => {
  it('writes the structures of the worked example byte for byte', () => {
    const built = buildDmar(parseDmar(EXAMPLE).table as Parameters<typeof buildDmar>[0]);
    const expected = patched({ 24: 0, 28: 0, 29: 0, 30: 0, 31: 0, 32: 0 });
    expected[9] = built[9];
    expect(built).toEqual(expected);
    expect(built.reduce((sum, byte) => sum + byte, 0) % 256).toBe(0);
  });

  it('writes names, affinities, property scopes and unknown structures so that they read back', () => {
    const path = [{ device: 11, function: 0 }];
    const bytes = buildDmar({
      hostAddressWidth: 52,
      x2apicOptOut: true,
      dmaControlOptIn: true,
      structures: [
        { kind: 'RHSA', registerBase: { hi: 0x123, lo: 0xfbffc000 }, proximityDomain: 0x01020304 },
        { kind: 'ANDD', acpiDeviceNumber: 9, objectName: '\\_SB.PCI0.I2C0' },
        {
          kind: 'SATC',
          atcRequired: true,
          segment: 3,
          scopes: [{ kind: 'PCI_ENDPOINT', startBus: 0xe7, path }],
        },
        {
          kind: 'SIDP',
          segment: 1,
          scopes: [{ kind: 'PCI_ENDPOINT', flags: 0x1d, startBus: 0, path }],
        },
        { kind: 'UNKNOWN', type: 9, body: Uint8Array.of(1, 2, 3, 4) },
      ],
    });
    const { table } = parseDmar(bytes);
    expect(table).toMatchObject({
      hostAddressWidth: 52,
      interruptRemapping: false,
      x2apicOptOut: true,
      dmaControlOptIn: true,
      checksumValid: true,
      structures: [
        {
          kind: 'RHSA',
          registerBase: { hi: 0x123, lo: 0xfbffc000 },
          proximityDomain: 0x01020304,
          length: 20,
        },
        { kind: 'ANDD', acpiDeviceNumber: 9, objectName: '\\_SB.PCI0.I2C0', length: 23 },
        { kind: 'SATC', atcRequired: true, segment: 3, scopes: [{ startBus: 0xe7, path }] },
        { kind: 'SIDP', segment: 1, scopes: [{ flags: 0x1d }] },
        { kind: 'UNKNOWN', type: 9, length: 8 },
      ],
    });
  });
});
