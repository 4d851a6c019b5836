import type { DmarTable, RemappingStructure } from '../../layout/dmar/table.js';
import type { ImportWarning } from '../description.js';
import { FirmwareInputError } from '../input-error.js';
import { parseStructure } from './parse-structure.js';
import { HEADER_LENGTH } from './structure-types.js';

const STRUCTURE_HEADER_LENGTH = 4;

/**
 * Decodes the bytes of an ACPI DMAR table. Every finding names the byte offset.
 *
 * What leaves no table to speak of (no signature, bytes missing, a structure reaching past the end) is
 * an error; the rest is a warning beside what could be read.
 * Spec: VT-d 8.1 "DMA Remapping Reporting Structure". Linux: dmar_walk_remapping_entries().
 */
export function parseDmar(bytes: Uint8Array): { table: DmarTable; warnings: ImportWarning[] } {
  const warnings: ImportWarning[] = [];
  const warn = (offset: number, message: string) => {
    warnings.push({ source: 'dmar', line: null, message: `offset ${hexOffset(offset)}: ${message}` });
  };
  const length = checkedLength(bytes, warn);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const checksumValid = checksumOf(bytes.subarray(0, length)) === 0;
  if (!checksumValid) {
    warn(9, `checksum 0x${hex2(view.getUint8(9))} is wrong: the bytes of the table do not add up to 0`);
  }
  const hostAddressWidth = view.getUint8(36) + 1;
  if (hostAddressWidth < 12) {
    warn(
      36,
      `host address width of ${hostAddressWidth} bits; Linux refuses a table below 12 ("Invalid DMAR haw")`,
    );
  }
  const flags = view.getUint8(37);
  return {
    table: {
      hostAddressWidth,
      interruptRemapping: (flags & 1) !== 0,
      x2apicOptOut: (flags & 2) !== 0,
      dmaControlOptIn: (flags & 4) !== 0,
      checksumValid,
      oemId: asciiField(bytes, 10, 6),
      oemTableId: asciiField(bytes, 16, 8),
      structures: parseStructures(view, warn),
    },
    warnings,
  };
}

function checkedLength(bytes: Uint8Array, warn: (offset: number, message: string) => void): number {
  if (bytes.length < 4 || asciiField(bytes, 0, 4) !== 'DMAR') {
    throw new FirmwareInputError('dmar', 'offset 0x0: no signature "DMAR"; this is not a DMAR table');
  }
  if (bytes.length < HEADER_LENGTH) {
    throw new FirmwareInputError(
      'dmar',
      `offset ${hexOffset(bytes.length)}: the table ends inside its ${HEADER_LENGTH}-byte header`,
    );
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  if (length < HEADER_LENGTH) {
    throw new FirmwareInputError(
      'dmar',
      `offset 0x4: table length ${length} is less than its ${HEADER_LENGTH}-byte header`,
    );
  }
  if (length > bytes.length) {
    throw new FirmwareInputError(
      'dmar',
      `offset 0x4: table length ${length}, but only ${bytes.length} bytes are there; the table is truncated`,
    );
  }
  if (length < bytes.length)
    warn(length, `${bytes.length - length} bytes behind the end of the table; ignored`);
  return length;
}

function parseStructures(
  view: DataView,
  warn: (offset: number, message: string) => void,
): RemappingStructure[] {
  const structures: RemappingStructure[] = [];
  const end = view.byteLength;
  for (let offset = HEADER_LENGTH; offset < end;) {
    if (end - offset < STRUCTURE_HEADER_LENGTH) {
      warn(offset, `${end - offset} bytes left over behind the last structure; ignored`);
      break;
    }
    const type = view.getUint16(offset, true);
    const length = view.getUint16(offset + 2, true);
    // Linux stops here without an error, so that a table of zeros does not loop for ever.
    if (length < STRUCTURE_HEADER_LENGTH) {
      warn(offset, `structure of type ${type} has length ${length}; the rest of the table is not read`);
      break;
    }
    if (offset + length > end) {
      throw new FirmwareInputError(
        'dmar',
        `offset ${hexOffset(offset)}: structure of type ${type} and length ${length} passes the table's end at ${hexOffset(end)}`,
      );
    }
    const structure = parseStructure({ view, offset, type, length, warn });
    if (structure) structures.push(structure);
    offset += length;
  }
  return structures;
}

/** Sum of the bytes modulo 256; 0 for a valid table. */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) & 0xff;
  return sum;
}

/** A byte offset as messages show it. */
export function hexOffset(offset: number): string {
  return '0x' + offset.toString(16);
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function asciiField(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length)).replace(/[\0 ]+$/, '');
}
