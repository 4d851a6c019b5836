import { parsePciAddress } from '../../bits/pci-address.js';
import type { PciAddress } from '../../bits/pci-address.js';
import { ADDRESS_PATTERN, textLines } from '../text-lines.js';
import type { TextLine } from '../text-lines.js';

/** What `lspci` prints about one function. */
export interface LspciRecord {
  readonly address: PciAddress;
  readonly line: number;
  /** The rest of the first line: class, names, ids. */
  readonly heading: string;
  /** The indented lines. */
  readonly details: readonly TextLine[];
  /** Lines of the hex dump, `*` lines included. */
  readonly dump: readonly TextLine[];
}

const HEADING = new RegExp(`^(${ADDRESS_PATTERN})(?:\\s+(.*))?$`);
export const DUMP_LINE = /^([0-9a-f]{2,3}):((?: [0-9a-f]{2}){1,16})$/;

/** Stands for lines of zeros that a bundle leaves out; lspci itself prints them. */
export const ZEROS = '*';

/** Cuts a text into functions. Lines in front of the first one belong to nothing and are dropped. */
export function lspciRecords(text: string): LspciRecord[] {
  const records: (LspciRecord & { details: TextLine[]; dump: TextLine[] })[] = [];
  for (const line of textLines(text)) {
    const heading = HEADING.exec(line.text);
    const address = heading ? parsePciAddress(heading[1]) : null;
    const current = records.at(-1);
    if (heading && address) {
      records.push({ address, line: line.number, heading: heading[2] ?? '', details: [], dump: [] });
    } else if (current && DUMP_LINE.test(line.text)) current.dump.push(line);
    else if (current && line.text === ZEROS && current.dump.length > 0) current.dump.push(line);
    else if (current && /^\s+\S/.test(line.text)) current.details.push(line);
  }
  return records;
}
