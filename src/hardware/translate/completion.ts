import type { Completion } from '../request.js';
import { REQUEST_KIND } from './walk.js';

/** How the unit answers a refused request. EMPTY is Success with no permission at all. */
export type Answer = Completion | 'EMPTY';

/**
 * Translated requests are refused with Unsupported Request, except when the unit itself could not read or
 * understand what it needed.
 */
const ABORTED_TRANSLATED = new Set([0x50, 0x52, 0x58, 0x5a, 0x5b, 0xa0, 0xa1, 0xa2]);

/** Translation requests: tables that cannot be read or are malformed, and addresses no device may be given. */
const ABORTED_TRANSLATION = new Set([
  0x03, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0e, 0x30, 0x38, 0x3a, 0x40, 0x42, 0x43, 0x50, 0x52, 0x58, 0x5a,
  0x5b, 0x78, 0x7a, 0x7b, 0x7c, 0x7d, 0x87,
]);

/**
 * Translation requests: there is no translation now, which is an answer and not an error; the device may
 * raise a page request and ask again.
 */
const EMPTY_TRANSLATION = new Set([
  0x04, 0x05, 0x06, 0x29, 0x51, 0x59, 0x5c, 0x5d, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x80,
  0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x90, 0x91,
]);

/** The answer to a request of a kind that met a fault. Spec: VT-d 7.1.3 "Fault Conditions and Remapping hardware behavior for various Requests". */
export function answerOf(reason: number, kind: number): Answer {
  if (kind === REQUEST_KIND.TRANSLATION) {
    if (EMPTY_TRANSLATION.has(reason)) return 'EMPTY';
    return ABORTED_TRANSLATION.has(reason) ? 'COMPLETER_ABORT' : 'UNSUPPORTED_REQUEST';
  }
  const isAborted = kind === REQUEST_KIND.TRANSLATED && ABORTED_TRANSLATED.has(reason);
  return isAborted ? 'COMPLETER_ABORT' : 'UNSUPPORTED_REQUEST';
}

/** Whether the fault is reported at all. An empty translation is not, save a failed accessed-bit update. */
export function isReported(reason: number, answer: Answer): boolean {
  return answer !== 'EMPTY' || reason === 0x91;
}
