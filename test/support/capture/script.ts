import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const SCRIPT = join(__dirname, '..', '..', '..', 'docs', 'capture', 'iommu-graph-capture.sh');

/** A directory to take for the root of a machine; gone after the test. */
export class Tree {
  readonly root = mkdtempSync(join(tmpdir(), 'iommu-graph-capture-'));

  /** Writes a file, its directories included. */
  file(path: string, content: string | Uint8Array): this {
    const full = join(this.root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    return this;
  }

  /** A link to another path of the tree. */
  link(path: string, to: string): this {
    const full = join(this.root, path);
    mkdirSync(dirname(full), { recursive: true });
    symlinkSync(join(this.root, to), full);
    return this;
  }

  directory(path: string): this {
    mkdirSync(join(this.root, path), { recursive: true });
    return this;
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}

export interface Captured {
  readonly status: number | null;
  readonly bundle: string;
  readonly errors: string;
}

/**
 * Runs the script on a tree, or on this machine when the root is null; the bundle comes on standard output.
 * @param programs a directory of commands found before all others
 */
export function capture(root: string | null, shell = 'sh', programs = ''): Captured {
  const { PATH: own = '', TMPDIR } = process.env;
  const PATH = programs === '' ? own : `${programs}:${own}`;
  const env = {
    PATH,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(root === null ? {} : { CAPTURE_ROOT: root }),
  };
  const { status, stdout, stderr } = spawnSync(shell, [SCRIPT, '-'], {
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { status, bundle: stdout, errors: stderr };
}
