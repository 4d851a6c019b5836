import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import { decode, encode } from '../log/codec.js';
import type { Snapshot } from '../log/port.js';
import { type KnownRequest, RequestMemory } from './idempotency.js';
import { PlatformDecoder } from './image/decode.js';
import { encodePlatform } from './image/encode.js';
import type { Platform, PlatformHeader } from './platform.js';
import { background } from './time-slice.js';

/** Keys in one piece. */
const KEYS_A_PIECE = 1000;

/** Done by threads of the runtime, which have nothing else to do. */
const compress = promisify(deflateRaw);
const expand = promisify(inflateRaw);
/** Frames are mostly zeros and events much alike: the quickest way already makes a tenth of them. */
const QUICKEST = { level: constants.Z_BEST_SPEED };
/** A piece of an image is seldom longer, and then comes out in one. */
const WHOLE = { chunkSize: 1024 * 1024 + 64 * 1024 };

/** What a snapshot gives back. */
export interface Restored {
  readonly platform: Platform;
  readonly requests: RequestMemory;
}

/** Keys, an empty piece, and the image of a platform that nobody changes; each compressed. */
export async function* writePieces(platform: Platform, requests: RequestMemory): AsyncGenerator<Uint8Array> {
  for (const piece of allPieces(platform, requests)) {
    yield await compress(piece, QUICKEST);
    await background.next();
  }
}

function* allPieces(platform: Platform, requests: RequestMemory): Generator<Uint8Array> {
  let some: KnownRequest[] = [];
  for (const known of requests.upTo(platform.revision)) {
    if (some.push(known) < KEYS_A_PIECE) continue;
    yield encode(some);
    some = [];
  }
  yield encode(some);
  yield new Uint8Array(0);
  yield* encodePlatform(platform);
}

/** A platform and its keys from a snapshot; throws when it is not whole or does not fit the header. */
export async function readSnapshot(snapshot: Snapshot, header: PlatformHeader): Promise<Restored> {
  const requests = new RequestMemory();
  const decoder = new PlatformDecoder(header);
  let isImage = false;
  for await (const piece of expanded(snapshot.pieces)) {
    if (isImage) decoder.take(piece);
    else if (piece.byteLength === 0) isImage = true;
    else for (const known of decode(piece) as KnownRequest[]) requests.know(known);
    await background.next();
  }
  const finishing = decoder.finish();
  let step = finishing.next();
  for (; step.done !== true; step = finishing.next()) await background.next();
  const platform = step.value;
  if (platform.revision !== snapshot.revision) {
    throw new Error(`it is of revision ${platform.revision}, not ${snapshot.revision}`);
  }
  return { platform, requests };
}

/** The pieces as they were before they were compressed; the next is worked on while one is used. */
async function* expanded(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let coming: Promise<Uint8Array> | null = null;
  for await (const piece of pieces) {
    const next = expand(piece, WHOLE);
    // A reader that stops early leaves the last one to itself.
    next.catch(() => undefined);
    if (coming !== null) yield await coming;
    coming = next;
  }
  if (coming !== null) yield await coming;
}
