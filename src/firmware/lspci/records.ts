import { parsePciAddress } from '../../bits/pci-address.js';
import type { PciAddress } from '../../bits/pci-address.js';
import { ADDRESS_PATTERN, textLines } from '../text-lines.js';
import type { TextLine } from '../text-lines.js';

/** What `lspci` prints about one function. */
export interface LspciText {
  /** Address, or the way to it over every bridge: `00:1c.0/00.0` of -P, `00:1c.0/02:00.0` of -PP. */
  readonly path: string;
  readonly line: number;
  /** The rest of the first line: class, names, ids. */
  readonly heading: string;
  /** The indented lines. */
  readonly details: readonly TextLine[];
  /** Lines of the hex dump, `*` lines included. */
  readonly dump: readonly TextLine[];
}

/** The same with its place known. */
export interface LspciRecord extends LspciText {
  readonly address: PciAddress;
}

const HOP = '/(?:[0-9a-f]{2}:)?[0-9a-f]{2}\\.[0-7]';
const HEADING = new RegExp(`^(${ADDRESS_PATTERN})((?:${HOP}){0,255})(?:\\s+(.*))?$`);
export const DUMP_LINE = /^([0-9a-f]{2,3}):((?: [0-9a-f]{2}){1,16})$/;

/** Stands for lines of zeros that a bundle leaves out; lspci itself prints them. */
export const ZEROS = '*';

/** Cuts a text into functions. Lines in front of the first one belong to nothing and are dropped. */
export function lspciRecords(text: string): LspciText[] {
  const records: (LspciText & { details: TextLine[]; dump: TextLine[] })[] = [];
  for (const line of textLines(text)) {
    const heading = HEADING.exec(line.text);
    const current = records.at(-1);
    if (heading && parsePciAddress(heading[1])) {
      const path = `${heading[1]}${heading[2]}`;
      records.push({ path, line: line.number, heading: heading[3] ?? '', details: [], dump: [] });
    } else if (current && DUMP_LINE.test(line.text)) current.dump.push(line);
    else if (current && line.text === ZEROS && current.dump.length > 0) current.dump.push(line);
    else if (current && /^\s+\S/.test(line.text)) current.details.push(line);
  }
  return records;
}
