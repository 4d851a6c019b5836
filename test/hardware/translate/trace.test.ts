import {
  FIRST_STAGE,
  VIRTUAL_ADDRESS,
  scalableBench,
  scalableRequest,
} from '../../support/hardware/fixture-scalable.js';
import { hex64 } from '../../support/hardware/words.js';

describe('traceRequest', () => {
  test('lists every entry of a nested walk, second stage before the table it finds', () => {
    const bench = scalableBench();
    const { steps, result } = bench.unit.trace(scalableRequest({ address: VIRTUAL_ADDRESS, pasid: 6 }));
    const stage2 = ['SL4', 'SL3', 'SL2', 'SL1'];
    const tables = ['FL4', 'FL3', 'FL2', 'FL1'].flatMap((level) => [...stage2, level]);
    expect(steps.map(({ level }) => level)).toEqual([
      'ROOT',
      'CONTEXT',
      'PASID_DIRECTORY',
      'PASID',
      ...tables,
      ...stage2,
    ]);
    expect(result).toMatchObject({ kind: 'TRANSLATED', physical: 0xabc5890, cached: false });
  });

  test('leaves accessed bits, caches and fault records alone', () => {
    const bench = scalableBench();
    bench.unit.trace(scalableRequest({ address: VIRTUAL_ADDRESS, pasid: 5, type: 'WRITE' }));
    expect(bench.load(FIRST_STAGE.leaf)).toBe('0x000000000DEF0007');
    expect(bench.unit.trace(scalableRequest({ address: '0x7000' })).result).toMatchObject({
      kind: 'BLOCKED',
      reason: 0x79,
      recorded: true,
      level: 'SL1',
    });
    expect(bench.faultStatus).toBe(0);
    expect(bench.events).toEqual([]);
    expect([...bench.unit.caches.iotlb.entries(), ...bench.unit.caches.context.entries()]).toEqual([]);
  });

  test('shows the words of each entry and where it stopped', () => {
    const bench = scalableBench();
    bench.store(0x31180, '0x0');
    const { steps, result } = bench.unit.trace(scalableRequest({ address: '0x0', pasid: 6 }));
    expect(steps.map(({ entryAddress }) => entryAddress)).toEqual([0x206a0, 0x21100, 0x30000, 0x31180]);
    expect(steps.map(({ words }) => words.length)).toEqual([2, 4, 1, 8]);
    expect(steps.map(({ index }) => index)).toEqual([0x6a, 8, 0, 6]);
    expect(hex64(steps[2].words[0])).toBe('0x0000000000031001');
    expect(steps[3].present).toBe(false);
    expect(result).toMatchObject({ reason: 0x59, level: 'PASID' });
  });

  test('a fault that FPD suppresses is said not to be recorded', () => {
    const bench = scalableBench();
    bench.store(0x31000, '0x000000000004008B');
    expect(bench.unit.trace(scalableRequest({ address: '0x7000' })).result).toMatchObject({
      reason: 0x79,
      recorded: false,
    });
  });
});
