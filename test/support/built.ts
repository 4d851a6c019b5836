import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

/**
 * Path of a file of the build, for tests that start a process. A build older than its sources is refused:
 * such a test would pass or fail for yesterday's code.
 */
export function built(path: string): string {
  const file = join(root, 'dist', path);
  if (!existsSync(file)) throw new Error(`dist/${path} is missing: run "npm run build" first`);
  const source = join(root, 'src', path.replace(/\.js$/, '.ts'));
  const room = path.includes('/') ? join(root, 'src', path.split('/')[0] ?? '') : join(root, 'src');
  if (newest(room) > newest(join(root, 'dist'))) {
    throw new Error(`dist is older than ${source}: run "npm run build" first`);
  }
  return file;
}

/** Time of the newest file at or below a path. */
function newest(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0);
}
