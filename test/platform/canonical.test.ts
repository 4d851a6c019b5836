import { canonical } from '../../src/platform/canonical.js';

describe('canonical text', () => {
  it('is the same for fields in any order, without those that are absent', () => {
    expect(canonical({ b: 1, a: [true, null], c: undefined })).toBe('{"a":[true,null],"b":1}');
    expect(canonical({ a: [true, null], b: 1 })).toBe('{"a":[true,null],"b":1}');
  });

  it('has bytes in hexadecimal, and quotes what texts and names hold', () => {
    expect(canonical({ 'a"': new Uint8Array([0, 255]), t: 'x"y' })).toBe('{"a\\"":<00ff>,"t":"x\\"y"}');
  });

  it('visits each field once, however many there are', () => {
    let reads = 0;
    const watched = (depth: number): object =>
      new Proxy(depth === 0 ? { leaf: 1 } : { left: watched(depth - 1), right: watched(depth - 1) }, {
        get: (target, name) => {
          reads++;
          return Reflect.get(target, name) as unknown;
        },
      });
    canonical(watched(10));
    // A tree of depth 10: two fields in each of 1023 nodes, one in each of 1024 leaves; a field of a node
    // besides is looked at to tell what the node is.
    expect(reads).toBeLessThanOrEqual(2 * (2 * 1023 + 1024));
  });
});
