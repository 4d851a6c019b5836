import { FAULT_REASONS, faultReason } from '../../../src/layout/fault-reasons.js';
import { HostMemory } from '../../../src/memory/host-memory.js';
import { word } from '../../support/hardware/words.js';
import { legacyBench, legacyRequest } from '../../support/hardware/fixture-legacy.js';
import {
  FIRST_STAGE,
  scalableBench,
  scalableRequest,
  VIRTUAL_ADDRESS,
} from '../../support/hardware/fixture-scalable.js';
import { type Bench, REGISTER } from '../../support/hardware/unit-builder.js';

/** Memory of the access-error cases: nothing answers from here up, though addresses fit the host width. */
const LIMIT = 0x1_0000_0000;
const BEYOND = '0x0000000200000';

type Stores = [number, ...string[]][];

function legacy(stores: Stores, options: Parameters<typeof legacyBench>[0] = {}): Bench {
  return withStores(legacyBench({ memory: new HostMemory(LIMIT), ...options }), stores);
}

function scalable(stores: Stores, options: Parameters<typeof scalableBench>[0] = {}): Bench {
  return withStores(scalableBench({ memory: new HostMemory(LIMIT), ...options }), stores);
}

function withStores(bench: Bench, stores: Stores): Bench {
  for (const [address, ...words] of stores) bench.store(address, ...words);
  return bench;
}

function remapping(bench: Bench, table = '0x0000000000080000'): Bench {
  bench.write64(REGISTER.IRTA, table);
  bench.command('SIRTP');
  bench.command('IRE');
  return bench;
}

const interrupt = (bench: Bench, address: string, data = 0) =>
  bench.unit.interruptRequest(0x6a08, word(address), data);
/** Remappable address of table index 1. */
const INDEX_1 = '0xFEE00030';
const IRTE_1 = 0x80010;

const plain = (bench: Bench, fields = {}) => bench.unit.translate(legacyRequest(fields));
const second = (bench: Bench, fields = {}) =>
  bench.unit.translate(scalableRequest({ address: '0x5123', ...fields }));
const first = (bench: Bench, fields = {}) =>
  bench.unit.translate(scalableRequest({ pasid: 5, address: VIRTUAL_ADDRESS, ...fields }));
const nested = (bench: Bench, fields = {}) => first(bench, { pasid: 6, ...fields });

interface Case {
  readonly make: () => Bench;
  readonly act: (bench: Bench) => unknown;
}

const at = (hex: string) => BEYOND + hex;
const raise = (make: () => Bench, act: (bench: Bench) => unknown): Case => ({ make, act });

/** One way to raise each reason. */
const RAISED: Record<number, Case> = {
  0x01: raise(() => legacy([[0x10000, '0x11000']]), plain),
  0x02: raise(() => legacy([[0x11100, '0x12000']]), plain),
  0x03: raise(() => legacy([[0x11100, '0x1200D']]), plain),
  0x04: raise(
    () => legacy([]),
    (bench) => plain(bench, { address: '0x0001000000000000' }),
  ),
  0x05: raise(
    () => legacy([[0x15a28, '0x7ABCD001']]),
    (bench) => plain(bench, { type: 'WRITE' }),
  ),
  0x06: raise(() => legacy([[0x15a28, '0x7ABCD002']]), plain),
  0x07: raise(() => legacy([[0x14488, at('003')]]), plain),
  0x08: raise(() => {
    const bench = legacy([]);
    bench.setRootTable(at('000'));
    return bench;
  }, plain),
  0x09: raise(() => legacy([[0x10000, at('001')]]), plain),
  0x0a: raise(() => legacy([[0x10000, '0x11003']]), plain),
  0x0b: raise(() => legacy([[0x11100, '0x12011']]), plain),
  0x0c: raise(() => legacy([[0x12000, '0x13083']]), plain),
  0x0d: raise(
    () => legacy([]),
    (bench) => plain(bench, { addressType: 'TRANSLATION_REQUEST' }),
  ),
  0x0e: raise(() => legacy([[0x15a28, '0xFEE00003']]), plain),

  // Data beyond the subhandle is reserved.
  0x20: raise(
    () => remapping(scalable([])),
    (bench) => interrupt(bench, INDEX_1, 0x10000),
  ),
  0x21: raise(
    () => remapping(scalable([])),
    (bench) => interrupt(bench, '0xFEE00050'),
  ),
  0x22: raise(
    () => remapping(scalable([])),
    (bench) => interrupt(bench, INDEX_1),
  ),
  0x23: raise(
    () => remapping(scalable([]), at('000')),
    (bench) => interrupt(bench, INDEX_1),
  ),
  0x24: raise(
    () => remapping(scalable([[IRTE_1, '0x0000000000001001', '0x0']])),
    (bench) => interrupt(bench, INDEX_1),
  ),
  0x25: raise(
    () => remapping(scalable([])),
    (bench) => interrupt(bench, '0xFEE00000', 0x41),
  ),
  0x26: raise(
    () => remapping(scalable([[IRTE_1, '0x0000000000410001', '0x0000000000041234']])),
    (bench) => interrupt(bench, INDEX_1),
  ),
  // Posted format; the descriptor's address is PDA high (qw1[63:32]) and PDA low (qw0[63:38]).
  0x27: raise(
    () => remapping(scalable([[IRTE_1, '0x0000000000418001', '0x0000000200000000']], { cap: { PI: 1 } })),
    (bench) => interrupt(bench, INDEX_1),
  ),
  0x28: raise(
    () =>
      remapping(
        scalable(
          [
            [IRTE_1, '0x0009000000418001', '0x0'],
            // ON, SN and the notification fields are in the fifth word, everything behind it is reserved.
            [0x90000, '0x0', '0x0', '0x0', '0x0', '0x0', '0x1'],
          ],
          { cap: { PI: 1 } },
        ),
      ),
    (bench) => interrupt(bench, INDEX_1),
  ),
  0x29: raise(
    () => scalable([]),
    (bench) => second(bench, { address: '0xFEE00000' }),
  ),
  0x2a: raise(
    () => remapping(scalable([], { ecap: { EIMER: 1 } })),
    (bench) => interrupt(bench, INDEX_1),
  ),
  0x2b: raise(
    () => scalable([], { ecap: { IRREQ: 1 } }),
    (bench) => interrupt(bench, INDEX_1),
  ),

  0x30: raise(() => {
    const bench = scalable([]);
    bench.setRootTable('0x20800');
    return bench;
  }, second),
  0x31: raise(
    () => legacy([]),
    (bench) => plain(bench, { pasid: 5 }),
  ),
  0x32: raise(
    () => legacy([], { ecap: { SMTS: 1, SLTS: 1, PASID: 1, PSS: 19, PRS: 1 } }),
    (bench) => pageRequest(bench, { sourceId: 0x10 }),
  ),
  0x33: raise(() => {
    const bench = scalable([], { ecap: { ADMS: 1 } });
    bench.setRootTable('0x20C00');
    return bench;
  }, second),
  0x34: raise(
    () => scalable([], { version: 0x80 }),
    (bench) => first(bench, { execute: true }),
  ),
  0x38: raise(() => {
    const bench = scalable([]);
    bench.setRootTable(at('400'));
    return bench;
  }, second),
  0x39: raise(() => scalable([[0x206a0, '0x21000']]), second),
  0x3a: raise(() => scalable([[0x206a0, '0x21003']]), second),
  0x40: raise(() => scalable([[0x206a0, at('001')]]), second),
  0x41: raise(() => scalable([[0x21100, '0x30008']]), second),
  0x42: raise(() => scalable([[0x21100, '0x30029']]), second),
  0x43: raise(() => scalable([[0x21100, '0x30019']]), second),
  0x44: raise(
    () => scalable([]),
    (bench) => second(bench, { addressType: 'TRANSLATED' }),
  ),
  0x45: raise(() => scalable([[0x21100, '0x30001']]), first),
  0x46: raise(
    () => scalable([]),
    (bench) => first(bench, { pasid: 0x2000 }),
  ),
  0x47: raise(
    () => scalable([]),
    (bench) => pageRequest(bench, {}),
  ),
  0x48: raise(
    () => scalable([]),
    (bench) => second(bench, { pasid: 0 }),
  ),
  0x49: raise(
    () => scalable([[0x21100, '0x3000D']], { ecap: { PTRS: 1 } }),
    (bench) => first(bench, { addressType: 'TRANSLATED' }),
  ),
  0x50: raise(() => scalable([[0x21100, at('009')]]), first),
  0x51: raise(
    () => scalable([]),
    (bench) => first(bench, { pasid: 0x80 }),
  ),
  0x52: raise(() => scalable([[0x30000, '0x31005']]), first),
  0x58: raise(() => scalable([[0x30000, at('001')]]), first),
  0x59: raise(
    () => scalable([]),
    (bench) => first(bench, { pasid: 8 }),
  ),
  0x5a: raise(() => scalable([[0x31148, '0x10020']]), first),
  0x5b: raise(() => scalable([[0x31140, '0x09']]), first),
  0x5d: raise(
    () => scalable([]),
    (bench) => first(bench, { privileged: true }),
  ),
  0x70: raise(() => scalable([[FIRST_STAGE.level4, at('007')]]), first),
  0x71: raise(() => scalable([[FIRST_STAGE.leaf, '0xDEF0006']]), first),
  0x72: raise(() => scalable([[FIRST_STAGE.level4, '0x51087']]), first),
  0x73: raise(() => scalable([[0x31150, at('000')]]), first),
  0x74: raise(() => scalable([[0x90000 + 8 * 0xfe, '0x0001000000002007']], { hostAddressWidth: 52 }), nested),
  0x75: raise(() => scalable([[0x43008, '0x90002']]), nested),
  0x76: raise(() => scalable([[0x43010, '0x91002']]), nested),
  0x77: raise(() => scalable([[0x43008, '0x90001']]), nested),
  0x78: raise(() => scalable([[0x40000, at('003')]]), second),
  0x79: raise(() => scalable([[0x43028, '0x0']]), second),
  0x7a: raise(() => scalable([[0x40000, '0x41083']]), second),
  0x7b: raise(() => scalable([[0x31000, at('089')]]), second),
  0x7c: raise(() => scalable([[0x31000, '0x40289']], { ecap: { SLADS: 1 } }), second),
  0x80: raise(
    () => scalable([]),
    (bench) => first(bench, { address: '0x0000800000000000' }),
  ),
  0x81: raise(() => scalable([[FIRST_STAGE.leaf, '0xDEF0003']]), first),
  0x83: raise(
    () => scalable([]),
    (bench) => second(bench, { pasid: 7, address: '0x0000008000000000' }),
  ),
  0x84: raise(
    () => scalable([]),
    (bench) => second(bench, { address: '0x0001000000000000' }),
  ),
  0x85: raise(
    () => scalable([[0x43028, '0xABC5001']]),
    (bench) => second(bench, { type: 'WRITE' }),
  ),
  0x86: raise(() => scalable([[0x43028, '0xABC5002']]), second),
  0x87: raise(
    () => scalable([]),
    (bench) => second(bench, { pasid: 7, address: '0xFEE00000' }),
  ),
  0x89: raise(
    () => scalable([], { ecap: { PSS: 9 } }),
    (bench) => first(bench, { pasid: 0x400 }),
  ),
  0x90: raise(() => scalable([[0x31148, '0x20']]), first),
};

/** Reasons no request to this model can meet, and why. */
const NEVER_RAISED: Record<number, string> = {
  0x00: 'reserved for software; hardware never reports it',
  0x5c: 'execute requests: ECAP.ERS is 0 on every part modelled',
  0x60: 'host permission tables: their format is not published',
  0x7d: 'a second-stage A/D update fails only when memory accepts a read and refuses a write',
  0x82: 'execute permission: removed together with execute requests',
  0x91: 'a first-stage A/D update fails only when memory accepts a read and refuses a write',
  0xa0: 'host permission tables: their format is not published',
  0xa1: 'host permission tables: their format is not published',
  0xa2: 'host permission tables: their format is not published',
  0xa3: 'host permission tables: their format is not published',
  0xa4: 'host permission tables: their format is not published',
  0xa5: 'host permission tables: their format is not published',
};

function pageRequest(bench: Bench, fields: { sourceId?: number }): unknown {
  bench.write64(REGISTER.PQA, '0x90000');
  return bench.unit.pageRequest({
    sourceId: fields.sourceId ?? 0x6a08,
    pasid: 5,
    address: word(VIRTUAL_ADDRESS),
    read: true,
    write: false,
    execute: false,
    privileged: false,
    last: true,
    groupIndex: 3,
  });
}

describe('fault reasons', () => {
  test.each(Object.entries(RAISED))('reason %s is raised and recorded', (code, { make, act }) => {
    const bench = make();
    act(bench);
    expect(Number((BigInt(bench.record().hi) >> 32n) & 0xffn).toString(16)).toBe(Number(code).toString(16));
    expect(BigInt(bench.record().hi) >> 63n).toBe(1n);
    expect(faultReason(Number(code))).toBeDefined();
  });

  test('every row of the table is raised here or named as out of reach', () => {
    const known = FAULT_REASONS.map(({ code }) => code).sort((a, b) => a - b);
    const covered = [...Object.keys(RAISED), ...Object.keys(NEVER_RAISED)].map(Number).sort((a, b) => a - b);
    expect(covered).toEqual(known);
  });

  test('no reason is both raised and named as out of reach', () => {
    expect(Object.keys(RAISED).filter((code) => code in NEVER_RAISED)).toEqual([]);
  });
});
