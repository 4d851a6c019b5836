/** Why a log refuses. */
export type LogRefusal =
  | 'NO_SUCH_STREAM'
  | 'STREAM_EXISTS'
  | 'WRONG_REVISION'
  /** The header or entry is not plain data, so that reading it back would give something else. */
  | 'NOT_PLAIN_DATA'
  /** The store cannot be opened: not ours, of a newer format, in use, or not writable. */
  | 'UNUSABLE'
  /** A commit failed; nothing is accepted any more, since what the disk holds is known only after a restart. */
  | 'FAILED'
  | 'CLOSED';

/** A refusal of the log; its message is one sentence for people. */
export class LogError extends Error {
  override readonly name = 'LogError';

  constructor(
    readonly refusal: LogRefusal,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
