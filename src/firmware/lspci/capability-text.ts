import type { LspciRecord } from './records.js';

/** `Capabilities: [148 v1] Access Control Services` with the lines below it. */
export interface CapabilityText {
  readonly line: number;
  readonly offset: number;
  /** Of an extended capability; 1 when the text does not show it. */
  readonly version: number;
  readonly title: string;
  /** The lines below, joined. */
  readonly body: string;
}

const CAPABILITY = /^\s+Capabilities: \[([0-9a-f]{1,3})(?: v(\d{1,2}))?\] (.*)$/;
/** What `lspci` prints behind the last capability, so that it is not taken for part of it. */
const TRAILER = /^\s+Kernel (?:driver|modules)\b/;

export function capabilityTexts(record: LspciRecord): CapabilityText[] {
  const found: { line: number; offset: number; version: number; title: string; lines: string[] }[] = [];
  for (const { number, text } of record.details) {
    const match = CAPABILITY.exec(text);
    if (match) {
      const [offset, version] = [parseInt(match[1], 16), Number(match[2] ?? 1)];
      found.push({ line: number, offset, version, title: match[3], lines: [] });
    } else if (!TRAILER.test(text)) found.at(-1)?.lines.push(text.trim());
  }
  return found.map(({ lines, ...capability }) => ({ ...capability, body: lines.join('\n') }));
}

/** Whether the text says anything a dump of the header alone leaves out. */
export function showsCapabilities(record: LspciRecord): boolean {
  return record.details.some(({ text }) => CAPABILITY.test(text));
}

/** Whether `name+` stands in the text; null when neither `name+` nor `name-` does. */
export function flagIn(text: string, name: string): boolean | null {
  const at = text.indexOf(name);
  const sign = at < 0 ? '' : text[at + name.length];
  return sign === '+' ? true : sign === '-' ? false : null;
}

/** The number behind a label; null when it is not there. */
export function numberIn(text: string, label: string, radix: 10 | 16): number | null {
  const at = text.indexOf(label);
  if (at < 0) return null;
  const value = parseInt(
    text.slice(at + label.length, at + label.length + 12).replace(/^[\s:#]*/, ''),
    radix,
  );
  return Number.isNaN(value) ? null : value;
}

/** The part of a text from one label up to another; empty when the first is not there. */
export function partOf(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  if (start < 0) return '';
  const end = text.indexOf(to, start);
  return text.slice(start, end < 0 ? undefined : end);
}
