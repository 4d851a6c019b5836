import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Bench } from '../hardware/unit-builder.js';

const PAGE_BYTES = 4096;
const directories: string[] = [];

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

/** An empty directory that goes away with the tests of the file. */
export function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'walk-'));
  directories.push(directory);
  return directory;
}

/** What goes into `tables.json`; members may be left out or be wrong on purpose. */
export interface TablesFile {
  readonly regs?: Readonly<Record<string, unknown>>;
  readonly pages?: readonly unknown[];
  readonly host_address_width?: unknown;
}

/** Frames a bench's memory has anything in. */
export function framesOf(bench: Bench): number[] {
  const frames: number[] = [];
  for (const { firstFrame, words } of bench.memory.segments()) {
    for (let frame = 0; frame * 1024 < words.length; frame++) {
      if (words.subarray(frame * 1024, frame * 1024 + 1024).some((word) => word !== 0)) {
        frames.push(firstFrame + frame);
      }
    }
  }
  return frames;
}

/** The tables and registers of a bench as a dump would have them. */
export function tablesOf(bench: Bench, frames: readonly number[] = framesOf(bench)): TablesFile {
  return {
    regs: {
      VER: '0x' + bench.read32(0x00).toString(16),
      CAP: bench.read64(0x08),
      ECAP: bench.read64(0x10),
      GSTS: '0x' + bench.read32(0x1c).toString(16),
      RTADDR: bench.read64(0x20),
    },
    pages: frames.map((frame, index) => ({
      gpa: '0x' + (frame * PAGE_BYTES).toString(16),
      offset: index * PAGE_BYTES,
    })),
    host_address_width: 39,
  };
}

/** Writes a dump of some frames of a bench; of all it uses unless told otherwise. */
export function dumpOf(bench: Bench, frames: readonly number[] = framesOf(bench)): string {
  return dumpDirectory(tablesOf(bench, frames), pagesOf(bench, frames));
}

export function pagesOf(bench: Bench, frames: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(frames.length * PAGE_BYTES);
  frames.forEach((frame, index) =>
    bytes.set(bench.memory.readBytes(frame * PAGE_BYTES, PAGE_BYTES), index * PAGE_BYTES),
  );
  return bytes;
}

/** Writes any two files as a dump. */
export function dumpDirectory(tables: TablesFile | string, pages: Uint8Array): string {
  const directory = emptyDirectory();
  const text = typeof tables === 'string' ? tables : JSON.stringify(tables);
  writeFileSync(join(directory, 'tables.json'), text);
  writeFileSync(join(directory, 'tables.bin.gz'), gzipSync(pages));
  return directory;
}
