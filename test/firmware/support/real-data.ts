import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(process.cwd(), '..', 'shared', 'data');

/** Whether the captures of real machines are beside the project; says so loudly when they are not. */
export function haveRealData(): boolean {
  const present = existsSync(ROOT);
  if (!present) console.warn(`SKIPPED: no captures of real machines at ${ROOT}`);
  return present;
}

/** `describe` that runs only with the captures there. */
export const describeRealData = haveRealData() ? describe : describe.skip;

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function readBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(ROOT, path)));
}

export function has(path: string): boolean {
  return existsSync(join(ROOT, path));
}

/** Paths of the files below a folder whose name fits; empty without the captures. */
export function filesBelow(folder: string, name: RegExp): string[] {
  const absolute = join(ROOT, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute)
    .sort()
    .flatMap((entry) => {
      const path = `${folder}/${entry}`;
      if (statSync(join(ROOT, path)).isDirectory()) return filesBelow(path, name);
      return name.test(entry) ? [path] : [];
    });
}

/** Rows of a manifest by file name: its column of contents. */
export function manifest(folder: string): Map<string, string> {
  const rows = has(`${folder}/manifest.tsv`) ? readText(`${folder}/manifest.tsv`).split('\n').slice(1) : [];
  return new Map(rows.map((row) => row.split('\t')).map((cells) => [cells[0], cells[3] ?? '']));
}
