import { decodeId, encodeId, requireId } from '../../src/graphql/ids.js';

describe('node ids', () => {
  test.each([
    ['Platform:demo', { kind: 'Platform', platform: 'demo', key: '' }],
    ['Device:demo/0000:6a:01.0', { kind: 'Device', platform: 'demo', key: '0000:6a:01.0' }],
    ['Group:lab.2/17', { kind: 'Group', platform: 'lab.2', key: '17' }],
  ])('%s is readable and reads back', (id, decoded) => {
    expect(decodeId(id)).toEqual(decoded);
    expect(encodeId(decoded.kind as 'Device', decoded.platform, decoded.key)).toBe(id);
  });

  test.each(['', 'Device', 'Device:demo', 'Platform:demo/x', 'Gadget:demo/1', 'Device:/x'])(
    '%p is no id',
    (id) => {
      expect(decodeId(id)).toBeNull();
    },
  );

  test('an id of another kind is refused with the path of the argument', () => {
    expect(() => requireId('Group:demo/1', ['input', 'device'], 'Device')).toThrow(
      '"Group:demo/1" is the id of a Group; input.device takes Device.',
    );
  });
});
