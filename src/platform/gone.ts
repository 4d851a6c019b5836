import { LogError } from '../log/log-error.js';
import { NotFoundError } from './errors.js';
import type { Platform } from './platform.js';

/**
 * Whether the log of a platform was not to be read because the platform is being deleted: its log goes first, and the
 * platform is closed when that is durable.
 */
export function isGone(platform: Platform, error: unknown): boolean {
  return platform.isClosed || (error instanceof LogError && error.refusal === 'NO_SUCH_STREAM');
}

/** What whoever asked for a platform that went meanwhile is told. */
export function goneError({ name }: Platform): NotFoundError {
  return new NotFoundError('Platform', name, null);
}
