import { legacyBench, legacyRequest } from '../support/hardware/fixture-legacy.js';
import { scalableBench, scalableRequest } from '../support/hardware/fixture-scalable.js';
import { type Bench, REGISTER } from '../support/hardware/unit-builder.js';

const IQE = 0x10;
const ICE = 0x20;
const ITE = 0x40;
const FENCE = ['0x0000000000000045', '0x0'] as const;
const WAIT = ['0x0000000700000025', '0x0000000000009000'] as const;
const DEVICE_TLB = ['0x00006A0800000003', '0x7FFFFFFFFFFFF001'] as const;

const queueError = (bench: Bench) => Number(BigInt(bench.read64(REGISTER.IQERCD)) & 0xfn);

function queue(options: Parameters<typeof scalableBench>[0] = {}): Bench {
  const bench = scalableBench(options);
  bench.startQueue('0x70801');
  return bench;
}

describe('what stops the queue', () => {
  test.each([
    ['a type nobody defined', ['0x000000000000000B', '0x0'], 3],
    ['the host permission table type, which is not modelled', ['0x000000000000001A', '0x0'], 3],
    ['a type with its high part set', ['0x0000000000000215', '0x0'], 3],
    ['a reserved bit', ['0x0000000000008012', '0x0'], 4],
    ['a reserved bit in the upper half', ['0x0000000000000012', '0x0', '0x0', '0x1'], 4],
    ['granularity 0 of a context-cache descriptor', ['0x0000000000000001', '0x0'], 4],
    ['granularity 0 of an IOTLB descriptor', ['0x0000000000000002', '0x0'], 4],
    ['granularity 1 of a PASID IOTLB descriptor', ['0x0000000000000016', '0x0'], 4],
    ['granularity 2 of a PASID cache descriptor', ['0x0000000000000027', '0x0'], 4],
  ])('%s', (_, words, code) => {
    const bench = queue();
    bench.submit(...words);
    expect(bench.faultStatus).toBe(IQE);
    expect(queueError(bench)).toBe(code);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000000');
  });

  test('an interrupt-entry mask above MHMV', () => {
    const bench = queue({ ecap: { MHMV: 3 } });
    bench.submit('0x0000002018000014', '0x0');
    expect(bench.faultStatus).toBe(0);
    bench.submit('0x0000002020000014', '0x0');
    expect(queueError(bench)).toBe(4);
  });

  test('a page-selective descriptor on a unit without page-selective invalidation', () => {
    const bench = queue({ cap: { PSI: 0 } });
    bench.submit('0x0000000000100032', '0x0000000000005000');
    expect(queueError(bench)).toBe(4);
  });

  test('a PASID-based page descriptor may have a mask above MAMV', () => {
    const bench = queue();
    bench.submit('0x0000000500200036', '0x000000000000003F');
    expect(bench.faultStatus).toBe(0);
  });

  test('page-request draining where the unit cannot drain', () => {
    const able = queue();
    able.submit('0x0000000000000085', '0x0');
    expect(able.faultStatus).toBe(0);
    const unable = queue({ ecap: { PDS: 0 } });
    unable.submit('0x0000000000000085', '0x0');
    expect(queueError(unable)).toBe(4);
  });

  test.each([
    ['device-TLB descriptors without device-TLBs', { DT: 0 }, DEVICE_TLB],
    ['PASID device-TLB descriptors without device-TLBs', { DT: 0 }, ['0x000000056A080008', '0x0']],
    ['page responses without page requests', { PRS: 0 }, ['0x000000056A080019', '0x0']],
  ] as const)('%s', (_, ecap, words) => {
    const bench = queue({ ecap });
    bench.submit(...words);
    expect(queueError(bench)).toBe(3);
  });

  test('a tail beyond the queue', () => {
    const bench = queue();
    bench.write64(REGISTER.IQT, '0x2000');
    expect(bench.faultStatus).toBe(IQE);
    expect(queueError(bench)).toBe(1);
  });

  test('a queue outside memory', () => {
    const lost = legacyBench();
    jest.spyOn(lost.memory, 'isReadable').mockImplementation((frame) => frame !== 0x50);
    lost.startQueue('0x50000');
    lost.submit(...FENCE);
    expect(queueError(lost)).toBe(2);
  });

  test('wide descriptors on a unit with neither scalable nor abort mode', () => {
    const bench = legacyBench();
    bench.startQueue('0x50801');
    bench.submit(...FENCE);
    expect(queueError(bench)).toBe(5);
  });

  test('anything at all while the table mode is the reserved one', () => {
    const bench = queue();
    bench.setRootTable('0x0000000000020800');
    bench.submit(...FENCE);
    expect(queueError(bench)).toBe(7);
  });

  test('a refused descriptor is reported with its error, also one of no known type', () => {
    const bench = queue();
    bench.submit('0x0000000000100032', '0x0000000000000013');
    expect(bench.events.at(-1)).toMatchObject({
      type: 'INVALIDATION',
      descriptor: 'IOTLB',
      dropped: 0,
      error: 'IQE: reserved field or value (IQEI 4)',
    });
    const other = queue();
    other.submit('0x0', '0x0');
    expect(other.events.at(-1)).toMatchObject({
      type: 'INVALIDATION',
      descriptor: 'UNKNOWN',
      error: 'IQE: invalid descriptor type (IQEI 3)',
    });
  });
});

describe('the fault event of the queue', () => {
  function announced(): Bench {
    const bench = queue();
    bench.write32(REGISTER.FEADDR, 0xfee00000);
    bench.write32(REGISTER.FEDATA, 0x41);
    bench.write32(REGISTER.FECTL, 0);
    return bench;
  }

  test('IQE raises it once, until software has cleared what is pending', () => {
    const bench = announced();
    bench.submit('0x0', '0x0');
    bench.submit(...FENCE);
    expect(bench.messages).toEqual([{ address: '0x00000000FEE00000', data: 0x41 }]);
  });

  test('messages leave when the operation is over, so a handler finds the unit at rest', () => {
    const bench = announced();
    const heads: string[] = [];
    bench.messages.push = (...items) => {
      heads.push(bench.read64(REGISTER.IQH));
      return items.length;
    };
    bench.write32(REGISTER.IECTL, 0);
    bench.store(0x70000, '0x0000000000000015', '0x0', '0x0', '0x0', ...FENCE, '0x0', '0x0');
    bench.write64(REGISTER.IQT, '0x40');
    expect(heads).toEqual(['0x0000000000000040']);
  });
});

describe('devices that do not answer', () => {
  test('time out at the next wait, which is aborted although the head passes it', () => {
    const bench = queue();
    bench.addDeviceTlb(0x6a08).responds = false;
    bench.submit(...DEVICE_TLB);
    expect(bench.faultStatus).toBe(ITE);
    expect(bench.read64(REGISTER.IQERCD)).toBe('0x00006A0800000000');
  });

  test('a wait submitted along stores nothing; clearing the error lets the queue go on behind it', () => {
    const bench = queue();
    bench.addDeviceTlb(0x6a08).responds = false;
    bench.store(0x70000, ...DEVICE_TLB, '0x0', '0x0', ...WAIT, '0x0', '0x0');
    bench.store(0x70040, '0x0000000900000025', '0x0000000000009004');
    bench.write64(REGISTER.IQT, '0x60');
    expect(bench.faultStatus).toBe(ITE);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000040');
    bench.write32(REGISTER.FSTS, ITE);
    expect(bench.faultStatus).toBe(0);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000060');
    expect([bench.memory.load32(0x9000), bench.memory.load32(0x9004)]).toEqual([0, 9]);
    expect(bench.events.map((event) => ('error' in event ? event.error : null))).toEqual([
      'ITE: the device did not answer',
      'ITE: aborted',
      null,
    ]);
  });

  test('a source id behind which there is no device times out too', () => {
    const bench = queue();
    bench.submit(...DEVICE_TLB);
    expect(bench.faultStatus).toBe(ITE);
  });

  test('a completion nobody asked for is ICE and does not stop the queue', () => {
    const bench = queue();
    bench.unit.unexpectedCompletion(0x6a80);
    bench.unit.unexpectedCompletion(0x6a08);
    expect(bench.faultStatus).toBe(ICE);
    expect(bench.read64(REGISTER.IQERCD)).toBe('0x6A80000000000000');
    bench.submit(...WAIT);
    expect(bench.memory.load32(0x9000)).toBe(7);
  });
});

describe('what descriptors report', () => {
  test('the range, the tags and how many entries went', () => {
    const bench = queue();
    bench.unit.translate(scalableRequest({ address: '0x5123' }));
    bench.submit('0x00000000001000F2', '0x0000000000004002');
    expect(bench.events.at(-1)).toEqual({
      type: 'INVALIDATION',
      unit: 'dmar0',
      descriptor: 'IOTLB',
      granularity: 'PAGE',
      domainIdTag: 0x10,
      pasid: null,
      sourceId: null,
      address: { hi: 0, lo: 0x4000 },
      size: { hi: 0, lo: 0x4000 },
      words: [
        { hi: 0, lo: 0x1000f2 },
        { hi: 0, lo: 0x4002 },
        { hi: 0, lo: 0 },
        { hi: 0, lo: 0 },
      ],
      dropped: 2,
      error: null,
    });
  });

  test('leaves-only invalidation keeps the cached table above the page', () => {
    const bench = queue();
    bench.unit.translate(scalableRequest({ address: '0x5123' }));
    bench.submit('0x0000000000100032', '0x0000000000005040');
    expect(bench.events.at(-1)).toMatchObject({ dropped: 1 });
    expect([...bench.unit.caches.pagingStructure.entries()]).toHaveLength(1);
  });

  test('in scalable mode a domain request for the context cache is performed on all of it', () => {
    const bench = queue();
    bench.unit.translate(scalableRequest({ address: '0x5123' }));
    bench.submit('0x0000000099990021', '0x0');
    expect(bench.events.at(-1)).toMatchObject({ granularity: 'DOMAIN', domainIdTag: 0x9999, dropped: 1 });
  });

  test('in legacy mode the domain id of a device request must match', () => {
    const bench = legacyBench();
    bench.startQueue('0x50000');
    bench.unit.translate(legacyRequest());
    bench.submit('0x0000001000430031', '0x0');
    expect(bench.events.at(-1)).toMatchObject({ granularity: 'DEVICE', dropped: 0 });
    bench.submit('0x0000001000420031', '0x0');
    expect(bench.events.at(-1)).toMatchObject({ granularity: 'DEVICE', dropped: 1 });
  });
});
