import { toHex, u64 } from '../../src/bits/u64.js';
import {
  hasReservedMessageData,
  interruptIndexOf,
  isInterruptAddress,
  isRemappableFormat,
  packRemappableMessage,
  parseRemappableMessage,
} from '../../src/layout/remappable-message.js';

describe('remappable message', () => {
  test('splits the handle: bit 15 in address bit 2, the rest from bit 5 up', () => {
    const { address, data } = packRemappableMessage({ handle: 0x8001, subhandleValid: true, subhandle: 3 });
    expect(toHex(address)).toBe('0xfee0003c');
    expect(data).toBe(3);
    expect(interruptIndexOf(parseRemappableMessage(address, data))).toBe(0x8004);
  });

  test('without a valid subhandle the data adds nothing and must be 0', () => {
    const message = parseRemappableMessage(u64(0, 0xfee00410), 7);
    expect(message).toEqual({ handle: 0x20, subhandleValid: false, subhandle: 7 });
    expect(interruptIndexOf(message)).toBe(0x20);
    expect(hasReservedMessageData(message, 7)).toBe(true);
    expect(hasReservedMessageData(message, 0)).toBe(false);
  });

  test('with a subhandle only the upper half of the data must be 0', () => {
    const message = parseRemappableMessage(u64(0, 0xfee00418), 0x10007);
    expect(hasReservedMessageData(message, 0x10007)).toBe(true);
    expect(hasReservedMessageData(message, 0xffff)).toBe(false);
  });

  test('the range is one megabyte below 4 GiB, and bit 4 tells the formats apart', () => {
    expect(isInterruptAddress(u64(0, 0xfee00000))).toBe(true);
    expect(isInterruptAddress(u64(0, 0xfeefffff))).toBe(true);
    expect(isInterruptAddress(u64(0, 0xfef00000))).toBe(false);
    expect(isInterruptAddress(u64(1, 0xfee00000))).toBe(false);
    expect(isRemappableFormat(u64(0, 0xfee00010))).toBe(true);
    expect(isRemappableFormat(u64(0, 0xfee01000))).toBe(false);
  });
});
