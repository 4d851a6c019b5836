import { toHex } from '../../src/bits/u64.js';
import { packPageRequest, parsePageRequest } from '../../src/layout/page-request.js';

describe('page request descriptor', () => {
  test('packs the words of a read-write request that ends group 3 of PASID 5', () => {
    const request = {
      sourceId: 0x6a08,
      pasid: 5,
      execute: false,
      privileged: false,
      read: true,
      write: true,
      last: true,
      groupIndex: 3,
      pfn: 0x7f1234567,
    };
    const words = packPageRequest(request);
    expect(words.map(toHex)).toEqual(['0x56a080101', '0x7f123456701f']);
    expect(parsePageRequest(words)).toEqual(request);
  });

  test('execute and privileged stand above the PASID; without PASID the field is 0', () => {
    const request = {
      sourceId: 0xffff,
      pasid: null,
      execute: true,
      privileged: true,
      read: false,
      write: false,
      last: false,
      groupIndex: 0x1ff,
      pfn: 2 ** 52 - 1,
    };
    const words = packPageRequest(request);
    expect(words.map(toHex)).toEqual(['0x300000ffff0001', '0xfffffffffffffff8']);
    expect(parsePageRequest(words)).toEqual(request);
  });
});
