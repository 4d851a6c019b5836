import { type Errno, KernelError, type KernelSubject } from './errno.js';

/** A refusal with one reason, whose text is the rule. */
export function refusal(
  errno: Errno,
  mirrors: string,
  rule: string,
  why: {
    readonly code: string;
    readonly subject?: KernelSubject | null;
    readonly remedy?: string | null;
  },
): KernelError {
  const { code, subject = null, remedy = null } = why;
  return new KernelError(errno, mirrors, rule, [{ code, message: rule, subject, remedy }]);
}
