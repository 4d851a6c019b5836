import { legacyBench, legacyRequest } from '../../support/hardware/fixture-legacy.js';
import { scalableBench } from '../../support/hardware/fixture-scalable.js';
import { type Bench, IOTLB, REGISTER } from '../../support/hardware/unit-builder.js';

const IQE = 0x10;
const errorInfo = (bench: Bench) => Number(BigInt(bench.read64(REGISTER.IQERCD)) & 0xfn);

function scalableQueue(): Bench {
  const bench = scalableBench();
  bench.startQueue('0x70801');
  return bench;
}

describe('the invalidation queue', () => {
  test('S84: a wait stores its status after the descriptors before it', () => {
    const bench = scalableQueue();
    bench.submit('0x0000000000000012', '0x0');
    bench.submit('0xCAFEBABE00000025', '0x0000000000009000');
    expect([...bench.memory.readBytes(0x9000, 4)]).toEqual([0xbe, 0xba, 0xfe, 0xca]);
    expect([...bench.memory.readBytes(0x9004, 4)]).toEqual([0, 0, 0, 0]);
  });

  test('S84: nothing is stored while an earlier descriptor is refused', () => {
    const bench = scalableQueue();
    bench.submit('0x0', '0x0');
    bench.submit('0xCAFEBABE00000025', '0x0000000000009000');
    expect(bench.memory.load32(0x9000)).toBe(0);
  });

  test('S85: a second interrupting wait before ICS is cleared raises no second event', () => {
    const bench = scalableQueue();
    bench.write32(REGISTER.IEDATA, 0x51);
    bench.write32(REGISTER.IEADDR, 0xfee01000);
    bench.write32(REGISTER.IECTL, 0);
    bench.submit('0x0000000000000015', '0x0');
    expect(bench.read32(REGISTER.ICS)).toBe(1);
    bench.submit('0x0000000000000015', '0x0');
    expect(bench.messages).toEqual([{ address: '0x00000000FEE01000', data: 0x51 }]);
    bench.write32(REGISTER.ICS, 1);
    expect(bench.read32(REGISTER.ICS)).toBe(0);
    bench.submit('0x0000000000000015', '0x0');
    expect(bench.messages).toHaveLength(2);
  });

  test('S86: a fence completes silently', () => {
    const bench = scalableQueue();
    bench.submit('0x0000000000000045', '0x0');
    expect(bench.faultStatus).toBe(0);
    expect(bench.read32(REGISTER.ICS)).toBe(0);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000020');
  });

  test('S87: a mask above MAMV stops the queue at the descriptor', () => {
    const bench = scalableQueue();
    bench.submit('0x0000000000000045', '0x0');
    bench.submit('0x0000000000100032', '0x0000000000000013');
    expect(bench.faultStatus).toBe(IQE);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000020');
    expect(errorInfo(bench)).toBe(4);
  });

  test('S88: type 0 stops the queue until software clears the error', () => {
    const bench = scalableQueue();
    bench.submit('0x0', '0x0');
    bench.submit('0x0000000700000025', '0x0000000000009000');
    expect(bench.faultStatus).toBe(IQE);
    expect(errorInfo(bench)).toBe(3);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000000');
    expect(bench.memory.load32(0x9000)).toBe(0);
    // The driver turns the bad slot into a harmless one first, or the same error would come back.
    bench.store(0x70000, '0x0000000000000045', '0x0');
    bench.write32(REGISTER.FSTS, IQE);
    expect(bench.faultStatus).toBe(0);
    expect(bench.memory.load32(0x9000)).toBe(7);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000040');
  });

  test('S90: the head of a 128-bit queue wraps after 256 entries', () => {
    const bench = legacyBench();
    bench.startQueue('0x50000');
    for (let index = 0; index < 255; index++) bench.submit('0x0000000000000045', '0x0');
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000FF0');
    bench.submit('0xCAFEBABE00000025', '0x0000000000009000');
    expect(bench.read64(REGISTER.IQT)).toBe('0x0000000000000000');
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000000');
    expect(bench.memory.load32(0x9000)).toBe(0xcafebabe);
    expect(bench.faultStatus).toBe(0);
  });

  test('S91: a tail between two 256-bit descriptors is misaligned', () => {
    const bench = scalableBench();
    bench.startQueue('0x50801');
    bench.write64(REGISTER.IQT, '0x10');
    expect(bench.faultStatus).toBe(IQE);
    expect(errorInfo(bench)).toBe(6);
  });

  test('S91b: a 128-bit queue in scalable mode is a wrong width', () => {
    const bench = scalableBench();
    bench.startQueue('0x50000');
    bench.submit('0x0000000000000045', '0x0');
    expect(bench.faultStatus).toBe(IQE);
    expect(errorInfo(bench)).toBe(5);
  });

  test.each([
    ['6', '0x0000000500200026'],
    ['7', '0x0000000000000037'],
  ])('S91c: type %s in legacy mode is an invalid type even in a 256-bit queue', (_type, qword0) => {
    const bench = legacyBench({ ecap: { SMTS: 1, SLTS: 1, PASID: 1, PSS: 0x13 } });
    bench.startQueue('0x50801');
    bench.submit(qword0, '0x0');
    expect(bench.faultStatus).toBe(IQE);
    expect(errorInfo(bench)).toBe(3);
  });

  test('S92: the IOTLB register acts on its high dword and reports what it did', () => {
    const bench = legacyBench();
    bench.unit.translate(legacyRequest());
    bench.write32(IOTLB, 0x00000000);
    expect(bench.unit.translate(legacyRequest())).toMatchObject({ cached: true });
    bench.write32(IOTLB + 4, 0x90020010);
    expect(bench.read64(IOTLB)).toBe('0x1202001000000000');
    expect(bench.unit.translate(legacyRequest())).toMatchObject({ cached: false });
  });
});
