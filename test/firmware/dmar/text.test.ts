import { buildDmar } from '../../../src/firmware/dmar/build.js';
import { dmarBytes } from '../../../src/firmware/dmar/text.js';

// 73 bytes, so that the last line of a dump is short.
const TABLE = buildDmar({
  hostAddressWidth: 39,
  oemId: '44 4D ',
  structures: [{ kind: 'ANDD', acpiDeviceNumber: 1, objectName: '\\_SB.PCI0.I2C0.A' }],
});
const rows = Array.from({ length: Math.ceil(TABLE.length / 16) }, (_, i) => TABLE.slice(i * 16, i * 16 + 16));
const hex = (bytes: Uint8Array, separator = ' ') =>
  [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(separator);
const ascii = (bytes: Uint8Array) =>
  [...bytes].map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : '.')).join('');
const offset = (row: number, width: number) => (row * 16).toString(16).padStart(width, '0');

const acpidump = rows.map((row, i) => `    ${offset(i, 4)}: ${hex(row).padEnd(48)} ${ascii(row)}`).join('\n');
const iasl = rows.map((row, i) => `    ${offset(i, 4)}: ${hex(row).padEnd(47)}  // ${ascii(row)}`).join('\n');
const xxd = rows
  .map(
    (row, i) =>
      `${offset(i, 8)}: ${hex(row, '')
        .toLowerCase()
        .replace(/(.{4})/g, '$1 ')
        .padEnd(40)} ${ascii(row)}`,
  )
  .join('\n');
const hexdump =
  rows
    .map(
      (row, i) =>
        `${offset(i, 8)}  ${hex(row.slice(0, 8))}  ${hex(row.slice(8))}`.toLowerCase().padEnd(60) +
        `|${ascii(row)}|`,
    )
    .join('\n') + `\n${TABLE.length.toString(16).padStart(8, '0')}\n`;

describe('text of a table', () => {
  it.each([
    ['acpidump', `DMAR @ 0x00000000DEADBEEF\n${acpidump}\n\n`],
    [
      'acpidump of several tables',
      `FACP @ 0x0\n    0000: 46 41 43 50\n\nDMAR @ 0x1\n${acpidump}\n\nSSDT @ 0x2\n    0000: 53\n`,
    ],
    [
      'a disassembly',
      `/*\n * ACPI Data Table [DMAR]\n */\n[000h 0000 004h] Signature : "DMAR"\n\nRaw Table Data: Length 73\n\n${iasl}\n`,
    ],
    ['xxd', xxd],
    ['hexdump -C', hexdump],
    ['bare digits', hex(TABLE, '')],
    ['base64', Buffer.from(TABLE).toString('base64')],
    ['base64 without padding', Buffer.from(TABLE).toString('base64').replace(/=+$/, '')],
    [
      'base64 in lines of a file with CRLF',
      Buffer.from(TABLE).toString('base64').replace(/.{40}/g, '$&\r\n'),
    ],
    ['a data address', `data:application/octet-stream;base64,${Buffer.from(TABLE).toString('base64')}`],
  ])('is read from %s', (_name, text) => {
    expect(Buffer.from(dmarBytes(text)).toString('hex')).toBe(Buffer.from(TABLE).toString('hex'));
  });

  it.each([
    [
      'a dump with a line missing',
      acpidump
        .split('\n')
        .filter((_, i) => i !== 1)
        .join('\n'),
      'line 2: offset 0x20 where 0x10 has to follow',
    ],
    [
      'other text',
      'cat: /sys/firmware/acpi/tables/DMAR: Permission denied',
      'neither base64 nor a hex dump of a table',
    ],
    ['nothing', '', 'neither base64 nor a hex dump of a table'],
  ])('is refused when it is %s', (_name, text, message) => {
    expect(() => dmarBytes(text)).toThrow(message);
  });
});
