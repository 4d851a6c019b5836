import { type Blocker, KernelError } from './errno.js';

/**
 * A refusal of the model, not of the kernel: the real driver would go on and corrupt memory or its own
 * tables. EBUSY stands for all of these; the blocker code UNSAFE tells them apart.
 */
export function unsafe(mirrors: string, what: string, remedy: string | null = null): KernelError {
  const message = `Unsafe: ${what}`;
  const blocker: Blocker = { code: 'UNSAFE', message, subject: null, remedy };
  return new KernelError('EBUSY', mirrors, message, [blocker]);
}
