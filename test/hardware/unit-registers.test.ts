import { u64 } from '../../src/bits/u64.js';
import { legacyBench, legacyRequest } from '../support/hardware/fixture-legacy.js';
import { scalableBench, scalableRequest } from '../support/hardware/fixture-scalable.js';
import { IOTLB, IVA, REGISTER } from '../support/hardware/unit-builder.js';

const RTPS = 0x40000000;
const TES = 0x80000000;

describe('register access', () => {
  test('capabilities are read-only and every unit has them', () => {
    const bench = legacyBench();
    const before = bench.read64(REGISTER.CAP);
    bench.write64(REGISTER.CAP, '0xFFFFFFFFFFFFFFFF');
    bench.write32(REGISTER.VER, 0xffffffff);
    expect(bench.read64(REGISTER.CAP)).toBe(before);
    expect(bench.read32(REGISTER.VER)).toBe(0x10);
  });

  test('reserved bits and write-only fields read 0', () => {
    const bench = legacyBench({ ecap: { SMTS: 1 } });
    bench.write64(REGISTER.RTADDR, '0xFFFFFFFFFFFFFFFF');
    expect(bench.read64(REGISTER.RTADDR)).toBe('0xFFFFFFFFFFFFFC00');
    bench.write64(REGISTER.IQA, '0xFFFFFFFFFFFFFFFF');
    expect(bench.read64(REGISTER.IQA)).toBe('0xFFFFFFFFFFFFF807');
    bench.write64(REGISTER.IQT, '0xFFFFFFFFFFFFFFFF');
    expect(bench.read64(REGISTER.IQT)).toBe('0x000000000007FFF0');
    bench.write64(IVA, '0x0000000000005042');
    expect(bench.read64(IVA)).toBe('0x0000000000000000');
    expect(bench.read32(REGISTER.GCMD)).toBe(0);
  });

  test('SSIRWE exists only where the unit offers it', () => {
    const bench = scalableBench({ ecap: { SSIRWS: 1 } });
    bench.write64(REGISTER.RTADDR, '0x00000000000203FF');
    expect(bench.read64(REGISTER.RTADDR)).toBe('0x0000000000020080');
  });

  test('a unit without queue, interrupt remapping or page requests answers 0 and takes no write', () => {
    const bench = legacyBench({ ecap: { QI: 0, DT: 0 } });
    for (const offset of [REGISTER.IQA, REGISTER.IQT, REGISTER.IRTA, REGISTER.PQA, REGISTER.PQH]) {
      bench.write64(offset, '0xFFFFFFFFFFFFFFFF');
      expect(bench.read64(offset)).toBe('0x0000000000000000');
    }
    for (const offset of [REGISTER.ICS, REGISTER.IECTL, REGISTER.PRS, REGISTER.PECTL]) {
      bench.write32(offset, 0xffffffff);
      expect(bench.read32(offset)).toBe(0);
    }
    bench.write32(REGISTER.GCMD, 0x87800000);
    expect(bench.read32(REGISTER.GSTS)).toBe((TES | RTPS) >>> 0);
  });

  test('upper message addresses exist only with extended interrupt mode', () => {
    const plain = legacyBench();
    plain.write32(REGISTER.FEUADDR, 0xffffffff);
    plain.write32(REGISTER.FEADDR, 0xffffffff);
    expect([plain.read32(REGISTER.FEUADDR), plain.read32(REGISTER.FEADDR)]).toEqual([0, 0xfffffffc]);
    const extended = scalableBench();
    extended.write32(REGISTER.FEUADDR, 0xffffffff);
    expect(extended.read32(REGISTER.FEUADDR)).toBe(0xffffffff);
  });

  test('event control comes up masked, and its pending bit cannot be written', () => {
    const bench = scalableBench();
    for (const control of [REGISTER.FECTL, REGISTER.IECTL, REGISTER.PECTL]) {
      expect(bench.read32(control)).toBe(0x80000000);
      bench.write32(control, 0xffffffff);
      expect(bench.read32(control)).toBe(0x80000000);
    }
  });

  test('one 64-bit register is two 32-bit ones, and two 32-bit ones can be read at once', () => {
    const bench = legacyBench();
    bench.write32(REGISTER.RTADDR + 4, 0x12);
    bench.write32(REGISTER.RTADDR, 0x34567000);
    expect(bench.read64(REGISTER.RTADDR)).toBe('0x0000001234567000');
    expect(bench.read64(REGISTER.GCMD)).toBe('0xC000000000000000');
  });

  test('nobody answers an unaligned access or one beyond the register set', () => {
    const bench = legacyBench();
    bench.write64(REGISTER.RTADDR, '0x0000000000011000');
    bench.unit.writeRegister(REGISTER.RTADDR + 2, 4, u64(0, 0));
    bench.unit.writeRegister(REGISTER.RTADDR + 4, 8, u64(0, 0));
    expect(bench.read64(REGISTER.RTADDR)).toBe('0x0000000000011000');
    expect(bench.read32(0x1000)).toBe(0xffffffff);
    expect(bench.read64(REGISTER.IQT + 4)).toBe('0xFFFFFFFFFFFFFFFF');
  });

  test('protected memory is on as soon as it is asked for', () => {
    const bench = legacyBench({ cap: { PLMR: 1 } });
    bench.write32(0x64, 0x80000000);
    expect(bench.read32(0x64)).toBe(0x80000001);
    bench.write32(0x64, 0);
    expect(bench.read32(0x64)).toBe(0);
  });

  test('the whole map lists names, offsets and values', () => {
    const bench = legacyBench({ cap: { NFR: 1 } });
    const map = Object.fromEntries(bench.unit.registers().map((each) => [each.name, each]));
    expect(map.RTADDR).toMatchObject({ offset: 0x20, bytes: 8, value: u64(0, 0x10000) });
    expect(map['FRCD[1].hi']).toMatchObject({ offset: 0x238, bytes: 8 });
    expect(map.IOTLB).toMatchObject({ offset: IOTLB });
    expect(map).not.toHaveProperty('PQA');
  });
});

describe('global commands', () => {
  test('RTADDR takes effect when latched, not when written', () => {
    const bench = legacyBench();
    bench.write64(REGISTER.RTADDR, '0x0000000000018000');
    expect(bench.unit.translate(legacyRequest())).toMatchObject({ kind: 'TRANSLATED' });
    bench.command('SRTP');
    expect(bench.read32(REGISTER.GSTS)).toBe((TES | RTPS) >>> 0);
    bench.unit.translate(legacyRequest());
    expect(bench.unit.rootTable.address).toBe(0x18000);
  });

  test('address bits beyond the host address width are left out of the root pointer', () => {
    const bench = legacyBench();
    bench.setRootTable('0xFFFFFF8000010000');
    expect(bench.unit.rootTable.address).toBe(0x10000);
  });

  test('setting the root pointer keeps stale entries, unless the unit flushes by itself', () => {
    for (const ESRTPS of [0, 1]) {
      const bench = legacyBench({ cap: { ESRTPS } });
      bench.unit.translate(legacyRequest());
      bench.setRootTable('0x0000000000010000');
      expect(bench.unit.translate(legacyRequest())).toMatchObject({ cached: ESRTPS === 0 });
    }
  });

  test('switching translation off passes everything, and a unit with scalable mode forgets what it cached', () => {
    const bench = scalableBench();
    const request = scalableRequest({ address: '0x5123' });
    bench.unit.translate(request);
    bench.command('TE', false);
    expect(bench.unit.translate(request)).toMatchObject({ kind: 'TRANSLATED', physical: 0x5123 });
    bench.command('TE');
    expect(bench.unit.translate(request)).toMatchObject({ physical: 0xabc5123, cached: false });
    const legacy = legacyBench();
    legacy.unit.translate(legacyRequest());
    legacy.command('TE', false);
    legacy.command('TE');
    expect(legacy.unit.translate(legacyRequest())).toMatchObject({ cached: true });
  });

  test('a write buffer flush is over before its status can be read', () => {
    const bench = legacyBench();
    bench.write32(REGISTER.GCMD, 0x88000000);
    expect(bench.read32(REGISTER.GSTS) & 0x08000000).toBe(0);
  });

  test('a tail written before the queue is switched on is worked off at once', () => {
    const bench = legacyBench();
    bench.store(0x50000, '0x0000000700000025', '0x0000000000009000');
    bench.write64(REGISTER.IQA, '0x50000');
    bench.write64(REGISTER.IQT, '0x10');
    expect(bench.memory.load32(0x9000)).toBe(0);
    bench.command('QIE');
    expect(bench.memory.load32(0x9000)).toBe(7);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000010');
  });

  test('switching the queue off takes the head back to 0', () => {
    const bench = legacyBench();
    bench.startQueue('0x50000');
    bench.submit('0x0000000000000045', '0x0');
    bench.command('QIE', false);
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000000');
    bench.write64(REGISTER.IQT, '0x20');
    expect(bench.read64(REGISTER.IQH)).toBe('0x0000000000000000');
  });

  test('the next record starts over once both kinds of remapping are off', () => {
    const bench = legacyBench({ cap: { NFR: 3 } });
    const refused = legacyRequest({ address: '0x0000000000000000' });
    bench.unit.translate(refused);
    bench.clearFault(0);
    bench.command('TE', false);
    bench.command('TE');
    bench.unit.translate(refused);
    expect(bench.record(0).hi).toBe('0xC000000600000010');
  });
});

describe('register-based invalidation', () => {
  const CCMD_GLOBAL = '0xA000000000000000';

  test('CCMD drops what it names and reports the granularity', () => {
    const bench = legacyBench();
    bench.unit.translate(legacyRequest());
    expect([...bench.unit.caches.context.entries()]).toHaveLength(1);
    bench.write64(REGISTER.CCMD, '0xE000000000110042');
    expect(bench.read64(REGISTER.CCMD)).toBe('0x7800000000000042');
    expect([...bench.unit.caches.context.entries()]).toHaveLength(1);
    bench.write64(REGISTER.CCMD, '0xE000000000100042');
    expect([...bench.unit.caches.context.entries()]).toHaveLength(0);
    expect(bench.events.at(-1)).toMatchObject({
      type: 'INVALIDATION',
      descriptor: 'CONTEXT_CACHE',
      granularity: 'DEVICE',
      domainIdTag: 0x42,
      sourceId: 0x10,
      words: [],
      dropped: 1,
      error: null,
    });
  });

  test('CCMD acts on its high dword', () => {
    const bench = legacyBench();
    bench.unit.translate(legacyRequest());
    bench.write32(REGISTER.CCMD, 0);
    expect([...bench.unit.caches.context.entries()]).toHaveLength(1);
    bench.write32(REGISTER.CCMD + 4, 0xa0000000);
    expect([...bench.unit.caches.context.entries()]).toHaveLength(0);
    expect(bench.read64(REGISTER.CCMD)).toBe('0x2800000000000000');
  });

  test('in scalable mode and from version 6 on a request is refused: done, granularity 0', () => {
    const scalable = scalableBench();
    scalable.write64(REGISTER.CCMD, CCMD_GLOBAL);
    expect(scalable.read64(REGISTER.CCMD)).toBe('0x2000000000000000');
    const young = legacyBench({ version: 0x60 });
    young.write64(IOTLB, '0x9000000000000000');
    expect(young.read64(IOTLB)).toBe('0x1000000000000000');
    expect(young.events.at(-1)).toMatchObject({ descriptor: 'IOTLB', error: 'refused', dropped: 0 });
    // Also while the queue is on, when other units leave the request standing.
    young.startQueue('0x50000');
    young.write64(REGISTER.CCMD, CCMD_GLOBAL);
    expect(young.read64(REGISTER.CCMD)).toBe('0x2000000000000000');
  });

  test('while the queue is on a request is left standing', () => {
    const bench = legacyBench();
    bench.startQueue('0x50000');
    bench.write64(REGISTER.CCMD, CCMD_GLOBAL);
    expect(bench.read64(REGISTER.CCMD)).toBe(CCMD_GLOBAL);
  });

  test('a page request above MAMV is refused', () => {
    const bench = legacyBench();
    bench.unit.translate(legacyRequest());
    bench.write64(IVA, '0x0000000000000013');
    bench.write64(IOTLB, '0xB000004200000000');
    expect(bench.read64(IOTLB)).toBe('0x3000004200000000');
    expect(bench.unit.translate(legacyRequest())).toMatchObject({ cached: true });
  });

  test('a page request drops the page, and without PSI the whole domain', () => {
    for (const [PSI, address, answer] of [
      [1, '0x0000004012345000', '0x3600004200000000'],
      [0, '0x0000000000000000', '0x3400004200000000'],
    ] as const) {
      const bench = legacyBench({ cap: { PSI } });
      bench.unit.translate(legacyRequest());
      bench.write64(IVA, address);
      bench.write64(IOTLB, '0xB000004200000000');
      expect(bench.read64(IOTLB)).toBe(answer);
      expect(bench.unit.translate(legacyRequest())).toMatchObject({ cached: false });
    }
  });
});
