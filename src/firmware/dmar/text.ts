import { FirmwareInputError } from '../input-error.js';
import { textLines } from '../text-lines.js';
import type { TextLine } from '../text-lines.js';

/** `0010: 54 50 2D`, as acpidump, iasl, xxd and hexdump print it, each with its own tail. */
const DUMP_LINE = /^\s*([0-9a-f]{4,8}):?\s+(?=[0-9a-f]{2}(?:[0-9a-f]{2})?(?:\s|$))/i;
/** acpidump puts one of these in front of each table. */
const TABLE_HEADING = /^([A-Z0-9_]{3,4}) @ 0x[0-9a-f]+/i;
const BASE64 = /^(?:data:[^,]*,)?([A-Za-z0-9+/_-]+={0,2})$/;

/**
 * Bytes of a DMAR table from any text people have of it: base64, acpidump, a disassembly that ends with
 * raw table data, or another plain hex dump. Whether they are a DMAR table is for `parseDmar` to say.
 */
export function dmarBytes(text: string): Uint8Array {
  const lines = textLines(text);
  const dump = dumpLinesOf(lines);
  if (dump.length > 0) return bytesOfDump(dump);
  const packed = text.replace(/\s+/g, '');
  if (/^444d4152(?:[0-9a-f]{2})*$/i.test(packed)) return Uint8Array.from(Buffer.from(packed, 'hex'));
  const base64 = BASE64.exec(packed);
  if (base64 && base64[1].replace(/=+$/, '').length % 4 !== 1) {
    return Uint8Array.from(Buffer.from(base64[1], 'base64'));
  }
  const decoded = lines.find((line) => /^\[[0-9a-f]+h\b/i.test(line.text));
  throw new FirmwareInputError(
    'dmar',
    decoded
      ? `line ${decoded.number}: a disassembly without its raw table data; the bytes are needed`
      : 'neither base64 nor a hex dump of a table',
  );
}

/** Only the lines under the DMAR heading when tables are headed; all of them otherwise. */
function dumpLinesOf(lines: readonly TextLine[]): TextLine[] {
  const headed = lines.some((line) => TABLE_HEADING.test(line.text));
  let inside = !headed;
  return lines.filter((line) => {
    const heading = TABLE_HEADING.exec(line.text);
    if (heading) inside = heading[1].toUpperCase() === 'DMAR';
    return inside && DUMP_LINE.test(line.text);
  });
}

function bytesOfDump(lines: readonly TextLine[]): Uint8Array {
  const bytes: number[] = [];
  for (const line of lines) {
    const [prefix, offset] = DUMP_LINE.exec(line.text) as RegExpExecArray;
    const at = parseInt(offset, 16);
    if (at !== bytes.length) {
      // hexdump ends with the length alone; a second dump starts over at 0.
      if (at === 0 && bytes.length > 0) break;
      throw new FirmwareInputError(
        'dmar',
        `line ${line.number}: offset 0x${at.toString(16)} where 0x${bytes.length.toString(16)} has to follow`,
      );
    }
    bytes.push(...bytesOfLine(line.text.slice(prefix.length)));
  }
  return Uint8Array.from(bytes);
}

/** Text columns can look like bytes: at most 16 bytes count, and a gap before the text ends them. */
function bytesOfLine(text: string): number[] {
  // hexdump has a gap in the middle too, but marks its text with a bar.
  const columns = text.includes('|') ? text.split('|')[0] : text.split(/\s{2}|\/\//)[0];
  const bytes: number[] = [];
  for (const token of columns.trim().split(/\s+/)) {
    if (bytes.length >= 16 || !/^(?:[0-9a-f]{2}){1,2}$/i.test(token)) break;
    for (let i = 0; i < token.length; i += 2) bytes.push(parseInt(token.slice(i, i + 2), 16));
  }
  return bytes;
}
