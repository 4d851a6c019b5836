import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('limit.c', import.meta.url));

/** Loops that clear stay loops: turned into memset they are slower for single pages, and the limit is to be hard. */
const FLAGS = ['-O2', '-fno-tree-loop-distribute-patterns'];

/** The C program as a running process; null, with a note, when it cannot be compiled here. */
export function startLimit() {
  const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-bench-'));
  const program = join(directory, 'limit');
  const compiler = process.env.CC ?? 'cc';
  try {
    execFileSync(compiler, [...FLAGS, '-o', program, SOURCE], { stdio: 'pipe' });
  } catch (error) {
    rmSync(directory, { recursive: true });
    const reason = error.code === 'ENOENT' ? 'no such program' : String(error.stderr ?? error.message).trim();
    console.log(`note: no C limit, ratios are left out: ${compiler}: ${reason}`);
    return null;
  }
  return new Limit(program, directory);
}

class Limit {
  #directory;
  #child;
  #answers;
  #files = 0;

  constructor(program, directory) {
    this.#directory = directory;
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Sends one command; its CPU time and its check sum. */
  async ask(command) {
    this.#child.stdin.write(`${command}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the C program ended at "${command}"`);
    const [nanoseconds, sum] = value.split(' ').map(Number);
    return { nanoseconds, sum };
  }

  /** Hands bytes over in a file; gives its path. */
  file(bytes) {
    const path = join(this.#directory, `data-${this.#files++}`);
    writeFileSync(path, bytes);
    return path;
  }

  close() {
    this.#child.stdin.end();
    rmSync(this.#directory, { recursive: true });
  }
}
