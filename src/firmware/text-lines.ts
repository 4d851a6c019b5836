import { parsePciAddress } from '../bits/pci-address.js';
import type { PciAddress } from '../bits/pci-address.js';

/** One line of an imported text, with the number a warning names it by. */
export interface TextLine {
  /** 1-based. */
  readonly number: number;
  /** Without line ending and trailing blanks. */
  readonly text: string;
}

export function textLines(text: string): TextLine[] {
  return text.split(/\r\n|\r|\n/).map((line, index) => ({ number: index + 1, text: line.trimEnd() }));
}

/** Source of a regular expression for a PCI address; the domain may be left out. */
export const ADDRESS_PATTERN = '(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]';

const FIRST_ADDRESS = new RegExp(`(?<![0-9a-fA-F:])${ADDRESS_PATTERN}(?![0-9a-fA-F.])`);

/** The first PCI address in a line; null when there is none. */
export function firstAddress(text: string): PciAddress | null {
  const match = FIRST_ADDRESS.exec(text);
  return match ? parsePciAddress(match[0]) : null;
}
