/**
 * How streams are carried, and what happens to those who read more slowly than events come. Nobody waits for
 * them: each reader has a place of its own in what is kept.
 */
export interface StreamSettings {
  /** Least milliseconds between two messages of a stream, the first of which goes at once; 0 turns it off. */
  readonly gatherMs: number;
  /** Bytes a connection may have waiting; a reader above that is given nothing until all of it was taken. */
  readonly bufferBytes: number;
  /**
   * Events a reader may lie behind when its connection has room again. One further back goes on with what happens
   * next and is told what it missed (SLOW_CONSUMER), unless it is still replaying what was there when it came.
   */
  readonly lagEvents: number;
}

export const DEFAULT_STREAMS: StreamSettings = { gatherMs: 5, bufferBytes: 1024 * 1024, lagEvents: 10_000 };
