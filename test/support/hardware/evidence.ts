import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Bench } from './unit-builder.js';

/** Captures of a real kernel on an emulated unit, beside the project and never part of it. */
const ROOT = '../shared/data/qemu-linux';
export { ROOT as EVIDENCE };

/** A test that runs when the capture is there and says aloud when it is not. */
export function evidenceTest(capture: string, title: string, run: () => void | Promise<void>): void {
  if (existsSync(join(ROOT, capture))) {
    test(title, async () => {
      await run();
    });
    return;
  }
  process.stdout.write(`SKIPPED, no evidence at ${ROOT}/${capture}: ${title}\n`);
  test.skip(`${title} (evidence absent)`, () => undefined);
}

export function readJson<T>(capture: string, file: string): T {
  return JSON.parse(readFileSync(join(ROOT, capture, file), 'utf8')) as T;
}

export function readJsonLines<T>(capture: string, file: string): T[] {
  const text = readFileSync(join(ROOT, capture, file), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** A memory dump: which frames of it were kept, and their bytes. */
export interface Dump {
  readonly registers: Readonly<Record<string, string>>;
  readonly pages: readonly { readonly address: number; readonly bytes: Uint8Array }[];
}

interface TablesFile {
  readonly regs: Readonly<Record<string, string>>;
  readonly pages: readonly { readonly gpa: string; readonly offset: number }[];
}

export function readDump(capture: string): Dump {
  const tables = readJson<TablesFile>(capture, 'tables.json');
  const bytes = gunzipSync(readFileSync(join(ROOT, capture, 'tables.bin.gz')));
  const pages = tables.pages.map(({ gpa, offset }) => ({
    address: Number(gpa),
    bytes: bytes.subarray(offset, offset + 4096),
  }));
  return { registers: tables.regs, pages };
}

/** `0000:00:05.0` or `00:05.0` as a source id. */
export function sourceIdFrom(text: string): number {
  const [bus, device, fn] = text
    .replace(/^\w{4}:(?=\w\w:)/, '')
    .split(/[:.]/)
    .map((part) => parseInt(part, 16));
  return (bus << 8) | (device << 3) | fn;
}

/** Frees the fault record after a request, so that the next one is recorded too. */
export function reasonRecorded(bench: Bench): number | null {
  const hi = BigInt(bench.record().hi);
  if (hi >> 63n === 0n) return null;
  bench.clearFault();
  return Number((hi >> 32n) & 0xffn);
}
