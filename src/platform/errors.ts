/** A name or id that stands for nothing. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError';
  constructor(
    /** Kind and key of what was looked for: `Device`, `0000:6a:01.0`. */
    readonly kind: string,
    readonly key: string,
    readonly platform: string | null,
    /** The node id as the caller wrote it, where one was given. */
    readonly id: string | null = null,
  ) {
    super(
      platform === null ? `There is no ${kind} "${key}".` : `Platform "${platform}" has no ${kind} "${key}".`,
    );
  }
}

/** An argument that breaks a rule; the path names it. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  constructor(
    readonly path: readonly string[],
    message: string,
  ) {
    super(message);
  }
}

/** A name or key that is taken, or a platform that moved on. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  constructor(
    message: string,
    /** Name of the platform that has it; null when it is something else. */
    readonly existing: string | null,
    /** Where the platform stands, when the caller expected it elsewhere. */
    readonly revision: number | null = null,
  ) {
    super(message);
  }
}

/** The log could not store it, as on a full disk: nothing was changed, and it may be asked for again. */
export class NotStoredError extends Error {
  override readonly name = 'NotStoredError';
}
