import { u64 } from '../../src/bits/u64.js';
import { type RemappedInterruptEntry, packInterruptEntry } from '../../src/layout/irte.js';
import { packRemappableMessage } from '../../src/layout/remappable-message.js';
import { scalableBench, scalableRequest } from '../support/hardware/fixture-scalable.js';
import { type Bench, REGISTER } from '../support/hardware/unit-builder.js';
import { hex64 } from '../support/hardware/words.js';

const SID = 0x6a08;
const TABLE = 0x100000;

function entry(fields: Partial<RemappedInterruptEntry> = {}) {
  return packInterruptEntry({
    present: true,
    faultProcessingDisabled: false,
    logicalDestination: false,
    redirectionHint: false,
    levelTriggered: false,
    deliveryMode: 0,
    vector: 0x31,
    destination: 0x0500,
    sourceId: SID,
    sourceIdQualifier: 0,
    sourceValidation: 1,
    ...fields,
  });
}

/** A unit with a 16-entry interrupt table, remapping on. */
function bench(options: Parameters<typeof scalableBench>[0] = {}, table = '0x0000000000100003'): Bench {
  const made = scalableBench({ ...options, cap: { NFR: 7, ...options.cap } });
  made.write64(REGISTER.IRTA, table);
  made.command('SIRTP');
  made.command('IRE');
  return made;
}

function send(to: Bench, handle: number, data = 0, sourceId = SID) {
  const { address } = packRemappableMessage({ handle, subhandleValid: data !== 0, subhandle: data });
  return to.unit.interruptRequest(sourceId, address, data);
}

describe('interrupt remapping', () => {
  test('replaces vector and destination by those of the table entry', () => {
    const b = bench();
    b.store(TABLE + 3 * 16, ...entry());
    expect(send(b, 3)).toEqual({ kind: 'DELIVERED', index: 3, vector: 0x31, destination: 5 });
    expect(b.events.at(-1)).toMatchObject({
      type: 'INTERRUPT',
      sourceId: SID,
      index: 3,
      vector: 0x31,
      destination: 5,
    });
  });

  test('adds a valid subhandle to the handle', () => {
    const b = bench();
    b.store(TABLE + 5 * 16, ...entry({ vector: 0x55 }));
    expect(send(b, 3, 2)).toMatchObject({ index: 5, vector: 0x55 });
  });

  test('has 32-bit destinations in extended mode', () => {
    const b = bench({}, '0x0000000000100803');
    b.store(TABLE, ...entry({ destination: 0x12345678 }));
    expect(send(b, 0)).toMatchObject({ kind: 'DELIVERED', destination: 0x12345678 });
  });

  test('passes messages as they are while it is off', () => {
    const b = scalableBench();
    expect(b.unit.interruptRequest(SID, u64(0, 0xfee05000), 0x44)).toEqual({
      kind: 'DELIVERED',
      index: null,
      vector: 0x44,
      destination: 5,
    });
  });

  test('an entry stays cached until an interrupt-entry descriptor drops it', () => {
    const b = bench();
    b.startQueue('0x70801');
    b.store(TABLE, ...entry());
    send(b, 0);
    b.store(TABLE, ...entry({ vector: 0x99 }));
    expect(send(b, 0)).toMatchObject({ vector: 0x31 });
    b.submit('0x0000000000000014', '0x0');
    expect(b.events.at(-1)).toMatchObject({ descriptor: 'INTERRUPT_ENTRY_CACHE', dropped: 1 });
    expect(send(b, 0)).toMatchObject({ vector: 0x99 });
  });

  test('latching the table empties the cache on units that say so', () => {
    for (const ESIRTPS of [0, 1]) {
      const b = bench({ cap: { ESIRTPS } });
      b.store(TABLE, ...entry());
      send(b, 0);
      b.store(TABLE, ...entry({ vector: 0x99 }));
      b.command('SIRTP');
      expect(send(b, 0)).toMatchObject({ vector: ESIRTPS === 1 ? 0x99 : 0x31 });
    }
  });
});

describe('who may use an entry', () => {
  test.each([
    ['anyone without verification', { sourceValidation: 0, sourceId: 0 }, 0xffff, true],
    ['the source itself', {}, SID, true],
    ['not its neighbour', {}, SID + 1, false],
    ['functions 0 and 4 when bit 2 is left out', { sourceIdQualifier: 1 }, SID + 4, true],
    ['not function 1 then', { sourceIdQualifier: 1 }, SID + 1, false],
    ['functions 0, 2, 4 and 6 when bits 2:1 are', { sourceIdQualifier: 2 }, SID + 6, true],
    ['all functions when bits 2:0 are', { sourceIdQualifier: 3 }, SID + 7, true],
    ['not the next device', { sourceIdQualifier: 3 }, SID + 8, false],
    ['the first bus of a range', { sourceValidation: 2, sourceId: 0x6a6c }, 0x6a00, true],
    ['the last bus of a range', { sourceValidation: 2, sourceId: 0x6a6c }, 0x6cff, true],
    ['no bus behind the range', { sourceValidation: 2, sourceId: 0x6a6c }, 0x6d00, false],
    ['nobody with the reserved kind of verification', { sourceValidation: 3 }, SID, false],
  ])('%s', (_, fields, sourceId, allowed) => {
    const b = bench();
    b.store(TABLE, ...entry(fields));
    const result = send(b, 0, 0, sourceId);
    if (allowed) expect(result.kind).toBe('DELIVERED');
    else expect(result).toEqual({ kind: 'BLOCKED', reason: 0x26, recorded: true });
  });
});

describe('interrupt faults', () => {
  test('0x20: data beside a subhandle', () => {
    const b = bench();
    expect(b.unit.interruptRequest(SID, u64(0, 0xfee00010), 1)).toMatchObject({ reason: 0x20 });
  });

  test('0x21: an index beyond the table, recorded with the index and the source', () => {
    const b = bench();
    expect(send(b, 16)).toEqual({ kind: 'BLOCKED', reason: 0x21, recorded: true });
    expect(b.record().hi).toBe('0x8000002100006A08');
    expect(b.record().lo).toBe('0x0010000000000000');
    expect(b.events.at(-1)).toMatchObject({
      type: 'FAULT',
      access: 'INTERRUPT',
      reason: 0x21,
      address: u64(0, 16),
    });
  });

  test('0x23: a table outside memory', () => {
    const b = bench();
    jest.spyOn(b.memory, 'isReadable').mockImplementation((frame) => frame !== 0x100);
    expect(send(b, 0)).toMatchObject({ reason: 0x23 });
  });

  test('0x22 and 0x24, in silence when fault processing is disabled', () => {
    const b = bench();
    b.store(TABLE, ...entry({ present: false }));
    b.store(TABLE + 16, ...entry({ present: false, faultProcessingDisabled: true }));
    const [low, high] = entry();
    b.store(TABLE + 32, u64(low.hi, low.lo | 0x1000), high);
    b.store(TABLE + 48, u64(low.hi, low.lo | 0x1002), high);
    expect(send(b, 0)).toEqual({ kind: 'BLOCKED', reason: 0x22, recorded: true });
    expect(send(b, 1)).toEqual({ kind: 'BLOCKED', reason: 0x22, recorded: false });
    expect(send(b, 2)).toEqual({ kind: 'BLOCKED', reason: 0x24, recorded: true });
    expect(send(b, 3)).toEqual({ kind: 'BLOCKED', reason: 0x24, recorded: false });
  });

  test('the source is verified before the programming of the entry', () => {
    const b = bench();
    const [low, high] = entry();
    b.store(TABLE, u64(low.hi, low.lo | 0x1000), high);
    expect(send(b, 0, 0, 0x1234)).toMatchObject({ reason: 0x26 });
  });

  test('0x24: a posted entry on a unit that cannot post', () => {
    const b = bench();
    b.store(TABLE, u64(0x200000, 0x00338001), u64(0, 0));
    expect(send(b, 0)).toMatchObject({ reason: 0x24 });
  });

  test('0x25: compatibility format passes only while it is allowed, and never in extended mode', () => {
    const compatible = u64(0, 0xfee05000);
    const b = bench();
    expect(b.unit.interruptRequest(SID, compatible, 0x44)).toMatchObject({ reason: 0x25 });
    b.command('CFI');
    expect(b.unit.interruptRequest(SID, compatible, 0x44)).toMatchObject({ kind: 'DELIVERED', index: null });
    b.command('CFI', false);
    expect(b.unit.interruptRequest(SID, compatible, 0x44)).toMatchObject({ reason: 0x25 });
    const extended = bench({}, '0x0000000000100803');
    extended.command('CFI');
    expect(extended.unit.interruptRequest(SID, compatible, 0x44)).toMatchObject({ reason: 0x25 });
  });

  test('0x2a and 0x2b: units that insist on extended mode, or on remapping', () => {
    expect(send(bench({ ecap: { EIMER: 1 } }), 0)).toMatchObject({ reason: 0x2a });
    const off = scalableBench({ ecap: { IRREQ: 1 } });
    expect(send(off, 0)).toMatchObject({ reason: 0x2b });
  });

  test('a DMA write to the range is an interrupt, a DMA read is a fault', () => {
    const b = bench();
    const request = scalableRequest({ address: '0xFEE00000' });
    expect(b.unit.translate({ ...request, type: 'WRITE' })).toEqual({ kind: 'INTERRUPT' });
    expect(b.unit.translate(request)).toMatchObject({ kind: 'BLOCKED', reason: 0x29 });
  });
});

describe('interrupt posting', () => {
  const DESCRIPTOR = 0x200000;
  /** Posts vector 0x33 into the descriptor. */
  const posted = (low = 0x00338001) => [u64(DESCRIPTOR, low), u64(0, 0)] as const;
  const CONTROL = '0x00000700002A0000';

  function poster(low?: number): Bench {
    const b = bench({ cap: { PI: 1 } });
    b.store(TABLE, ...posted(low));
    b.store(DESCRIPTOR + 32, CONTROL);
    return b;
  }

  test('sets the vector in the descriptor and notifies once', () => {
    const b = poster();
    expect(send(b, 0)).toEqual({
      kind: 'POSTED',
      index: 0,
      vector: 0x33,
      notified: { vector: 0x2a, destination: 7 },
    });
    expect(b.load(DESCRIPTOR)).toBe('0x0008000000000000');
    expect(hex64(b.memory.load64(DESCRIPTOR + 32))).toBe('0x00000700002A0001');
    expect(send(b, 0)).toMatchObject({ kind: 'POSTED', notified: null });
  });

  test('stays silent while notifications are suppressed, unless the entry is urgent', () => {
    for (const [low, notified] of [
      [0x00338001, false],
      [0x0033c001, true],
    ] as const) {
      const b = poster(low);
      b.store(DESCRIPTOR + 32, '0x00000700002A0002');
      const result = send(b, 0);
      expect(result.kind === 'POSTED' && result.notified !== null).toBe(notified);
    }
  });

  test('0x27 and 0x28: a descriptor outside memory, or with a reserved bit', () => {
    const b = poster();
    b.store(DESCRIPTOR + 32, '0x00000700002A0004');
    expect(send(b, 0)).toMatchObject({ reason: 0x28 });
    b.store(DESCRIPTOR + 32, '0x00010700002A0000');
    expect(send(b, 0)).toMatchObject({ reason: 0x28 });
    jest.spyOn(b.memory, 'isReadable').mockImplementation((frame) => frame !== 0x200);
    expect(send(b, 0)).toMatchObject({ reason: 0x27 });
  });
});
