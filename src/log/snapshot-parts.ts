import { decode, encode } from './codec.js';
import { LogError } from './log-error.js';
import type { Store } from './store.js';

/** Bytes written at a time: a commit that comes meanwhile waits for one such write. */
const PART_BYTES = 1024 * 1024;

/** What marks a snapshot as whole. */
interface Head {
  readonly label: string;
  readonly parts: number;
}

/** Writes pieces down in parts and then their head. Of a snapshot that fails nothing stays. */
export async function writeSnapshot(
  store: Store,
  place: { readonly stream: number; readonly revision: number },
  label: string,
  pieces: AsyncIterable<Uint8Array>,
  beside: readonly number[],
): Promise<void> {
  let part: Uint8Array[] = [];
  let bytes = 0;
  let parts = 0;
  const flush = async () => {
    await store.putSnapshotPart({ ...place, index: parts++, pieces: part });
    part = [];
    bytes = 0;
  };
  try {
    for await (const piece of pieces) {
      part.push(piece);
      bytes += piece.byteLength;
      if (bytes >= PART_BYTES) await flush();
    }
    if (part.length > 0) await flush();
    await store.endSnapshot({ ...place, head: encode({ label, parts } satisfies Head), beside });
  } catch (cause) {
    // What cannot be removed now goes at the next start.
    await store.endSnapshot({ ...place, head: null, beside: [] }).catch(() => undefined);
    if (cause instanceof LogError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LogError('FAILED', `The snapshot could not be written: ${reason}.`, { cause });
  }
}

/** Label and number of parts of a snapshot. */
export function readHead(head: Uint8Array): Head {
  return decode(head) as Head;
}

/** The pieces that were written, in order; the next part is fetched while one is used. */
export async function* readPieces(
  store: Store,
  stream: number,
  revision: number,
  parts: number,
): AsyncGenerator<Uint8Array> {
  const part = (index: number) => {
    const pieces = index < parts ? store.snapshotPart(stream, revision, index) : Promise.resolve([]);
    // A reader that stops early leaves the last one to itself.
    pieces.catch(() => undefined);
    return pieces;
  };
  let coming = part(0);
  for (let index = 0; index < parts; index++) {
    const pieces = await coming;
    coming = part(index + 1);
    yield* pieces;
  }
}
