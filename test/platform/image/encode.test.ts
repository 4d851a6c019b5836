import { digestOf } from '../../../src/platform/digest.js';
import { PlatformDecoder } from '../../../src/platform/image/decode.js';
import { encodePlatform } from '../../../src/platform/image/encode.js';
import { IMAGE_FORMAT, pack } from '../../../src/platform/image/format.js';
import { ImageError } from '../../../src/platform/image/image-error.js';
import type { Platform, PlatformHeader } from '../../../src/platform/platform.js';
import { decode, encode } from '../../../src/log/codec.js';
import { anyCommand, numbersFrom } from '../../support/platform/any-commands.js';
import { LIVES, applyAny } from '../../support/platform/lives.js';

function restored(header: PlatformHeader, pieces: readonly Uint8Array[]): Platform {
  const decoder = new PlatformDecoder(header);
  for (const piece of pieces) decoder.take(piece);
  const finishing = decoder.finish();
  for (;;) {
    const { done, value } = finishing.next();
    if (done === true) return value;
  }
}

/** A header as it comes back from a log. */
const stored = (header: PlatformHeader) => decode(encode(header)) as PlatformHeader;

describe.each(LIVES)('an image of $name', ({ make }) => {
  test('gives a platform that equals the one it was made of, and does the same afterwards', () => {
    const platform = make();
    const next = numbersFrom(5);
    for (let round = 0; round < 2; round++) {
      applyAny(platform, next, 60);
      const again = restored(stored(platform.header), [...encodePlatform(platform)]);
      expect(digestOf(again)).toBe(digestOf(platform));
      for (let index = 0; index < 40; index++) {
        const command = anyCommand(platform, next);
        platform.apply({ command, time: 9000 * round });
        again.apply({ command, time: 9000 * round });
      }
      expect(digestOf(again)).toBe(digestOf(platform));
    }
  });
});

describe('the pieces of an image', () => {
  const platform = LIVES[0].make();
  const pieces = [...encodePlatform(platform)];

  test('are all needed, in a form that is known', () => {
    expect(() => restored(platform.header, pieces.slice(0, -1))).toThrow(ImageError);
    expect(() => restored(platform.header, [pieces[0], ...pieces.slice(2)])).toThrow();
    const other = pack(['BEGIN', IMAGE_FORMAT + 1, 0]);
    expect(() => restored(platform.header, [other, ...pieces.slice(1)])).toThrow(
      `An image of form ${IMAGE_FORMAT + 1}; this is ${IMAGE_FORMAT}.`,
    );
  });

  test('hold many events as bytes, until somebody looks', () => {
    const busy = LIVES[0].make();
    applyAny(busy, numbersFrom(2), 900);
    expect(busy.events.last).toBeGreaterThan(2048);
    const again = restored(busy.header, [...encodePlatform(busy)]);
    for (const at of [1, 1024, 1025, 2048, busy.events.last])
      expect(again.events.at(at)).toEqual(busy.events.at(at));
    expect(again.events.at(busy.events.last + 1)).toBeUndefined();
    expect(digestOf(again)).toBe(digestOf(busy));
  });
});
