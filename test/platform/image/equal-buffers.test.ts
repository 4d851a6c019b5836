import { EqualBuffers } from '../../../src/platform/image/equal-buffers.js';

const buffer = (...bytes: number[]) => Uint8Array.from(bytes).buffer;

describe('buffers of copies that are never changed', () => {
  it('what has not changed since the copy before is held once', () => {
    const first = new EqualBuffers(null);
    const kept = first.copyOf(buffer(1, 2, 3));
    const second = new EqualBuffers(first);
    expect(second.copyOf(buffer(1, 2, 3))).toBe(kept);
    expect(new Uint8Array(second.copyOf(buffer(1, 2, 4)))).toEqual(Uint8Array.of(1, 2, 4));
    expect(new EqualBuffers(second).copyOf(buffer(1, 2, 3))).toBe(kept);
  });

  it('two buffers that are alike stay two', () => {
    const first = new EqualBuffers(null);
    const original = buffer(0, 0);
    const pair = [first.copyOf(original), first.copyOf(buffer(0, 0))];
    expect(pair[0]).not.toBe(pair[1]);
    expect(pair[0]).not.toBe(original);
    const second = new EqualBuffers(first);
    const later = [0, 1, 2].map(() => second.copyOf(buffer(0, 0)));
    expect(new Set(later).size).toBe(3);
    expect(pair.every((each) => later.includes(each))).toBe(true);
  });
});
