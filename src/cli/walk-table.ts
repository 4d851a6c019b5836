import { toHex } from '../bits/u64.js';
import type { DmaRequest, WalkStep, WalkTrace } from '../hardware/index.js';
import { faultReason } from '../layout/fault-reasons.js';
import type { MemoryDump } from './memory-dump.js';
import type { WalkAnswer } from './walk-answer.js';
import { requesterName } from './walk-request.js';

const TABLE_MODE = ['legacy tables', 'scalable-mode tables', 'a reserved table mode', 'every DMA aborted'];
/** Words of an entry side by side; a PASID entry has eight. */
const WORDS_PER_LINE = 2;

/** What kind of unit the dump is of, in one line. */
export function describeDump(dump: MemoryDump): string {
  const { unit, memory, hostAddressWidth, translationEnabled } = dump;
  const { majorVersion, minorVersion } = unit.capabilities;
  const { address, ttm } = unit.rootTable;
  const state = translationEnabled ? '' : ', translation disabled';
  return (
    `VT-d ${majorVersion}.${minorVersion}, ${TABLE_MODE[ttm]}, root table 0x${address.toString(16)}${state}; ` +
    `${memory.pages} pages of memory, host addresses of ${hostAddressWidth} bits\n`
  );
}

/** One walk for people: every entry read, and how it ended. */
export function formatWalk(request: DmaRequest, trace: WalkTrace, answer: WalkAnswer): string {
  const type = request.execute ? 'EXECUTE' : request.type;
  const lines = [`${requesterName(request)} ${type} ${toHex(request.address)}`];
  if (trace.steps.length > 0) {
    lines.push(...columns([['table', 'index', 'entry at', 'content'], ...trace.steps.flatMap(rowsOf)]));
  }
  return [...lines, `  ${conclusion(answer)}`, ''].join('\n');
}

/** How a walk ended, or why there was none. */
export function conclusion(answer: WalkAnswer): string {
  switch (answer.outcome) {
    case 'COMPLETED':
      return `COMPLETED  ${answer.physical}, ${pageName(answer.pageSize)}, ${answer.access.join(' ')}`;
    case 'FAULTED': {
      const row = faultReason(answer.reason);
      const code = '0x' + answer.reason.toString(16).padStart(2, '0');
      const place = answer.step === null ? 'before any table' : `at ${answer.step}`;
      return `FAULTED  reason ${code} ${place}: ${row === undefined ? '' : `${row.mnemonic}, ${row.text}`}`;
    }
    case 'UNKNOWN':
      return `UNKNOWN  page ${answer.missing} is not in the dump`;
    case 'INTERRUPT':
      return 'INTERRUPT  a write to the interrupt range, no memory access';
    case 'ERROR':
      return `ERROR  ${answer.message}`;
  }
}

function rowsOf(step: WalkStep): string[][] {
  const { level, index, entryAddress, words, present } = step;
  const place = [level, '0x' + index.toString(16).padStart(2, '0'), '0x' + entryAddress.toString(16)];
  if (words.length === 0) return [[...place, 'not in the dump']];
  const lines: string[] = [];
  for (let at = 0; at < words.length; at += WORDS_PER_LINE) {
    lines.push(
      words
        .slice(at, at + WORDS_PER_LINE)
        .map((word) => '0x' + toHex(word).slice(2).padStart(16, '0'))
        .join(' '),
    );
  }
  if (!present) lines[lines.length - 1] += '  not present';
  return lines.map((line, at) => (at === 0 ? [...place, line] : ['', '', '', line]));
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    ('  ' + row.map((cell, column) => cell.padEnd(widths[column])).join('  ')).trimEnd(),
  );
}

function pageName(bytes: number): string {
  switch (bytes) {
    case 0:
      return 'passed through';
    case 4096:
      return '4 KiB page';
    case 2 ** 21:
      return '2 MiB page';
    default:
      return '1 GiB page';
  }
}
