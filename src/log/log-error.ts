/** Why a log refuses. */
export type LogRefusal =
  | 'NO_SUCH_STREAM'
  | 'STREAM_EXISTS'
  | 'WRONG_REVISION'
  /** The header or entry is not plain data, so that reading it back would give something else. */
  | 'NOT_PLAIN_DATA'
  /** The store cannot be opened: not ours, of a newer format, in use, or not writable. */
  | 'UNUSABLE'
  /** It could not be written, as on a full disk, and is not stored; later writes may succeed. */
  | 'FAILED'
  /** What the disk holds is known only after a restart; nothing is accepted any more. */
  | 'LOST'
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
