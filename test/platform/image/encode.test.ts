import { u64FromPfn } from '../../../src/bits/u64.js';
import type { Command } from '../../../src/platform/command.js';
import { digestOf } from '../../../src/platform/digest.js';
import { copyPlatform } from '../../../src/platform/image/copy.js';
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

  test('is of the moment the platform was copied, whatever the platform does while it is made', () => {
    const platform = make();
    const next = numbersFrom(6);
    applyAny(platform, next, 100);
    const apply = (command: Command) => platform.apply({ command, time: 9000 });
    apply({ type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
    const domain = [...platform.kernel.domains.keys()].at(-1)!;
    // A gibibyte, one page off: more tables than a piece has frames.
    const [iova, physical, size] = [0x10000, 0x10001, 0x40000].map((pfn) => u64FromPfn(pfn));
    const mapped = apply({ type: 'map', domain, iova, physical, size, read: true, write: true });
    expect(mapped.result.ok).toBe(true);
    const then = digestOf(platform);
    const pieces: Uint8Array[] = [];
    for (const piece of encodePlatform(copyPlatform(platform))) {
      pieces.push(piece);
      // Few of the tables each time: what was written to once is no longer shared.
      for (let count = 0; count < 10; count++) {
        const page = u64FromPfn(0x10000 + Math.floor(next() * 0x40000));
        apply({ type: 'unmap', domain, iova: page, size: u64FromPfn(1) });
      }
    }
    expect(digestOf(platform)).not.toBe(then);
    expect(digestOf(restored(stored(platform.header), pieces))).toBe(then);
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
