import { packFaultRecord, parseFaultRecord } from '../../src/layout/fault-record.js';
import { FAULT_REASONS, faultReason, isQualified } from '../../src/layout/fault-reasons.js';
import { hex64, word } from '../support/hardware/words.js';

/** hi and lo words as worked out in the scenarios of the specification study, with what they say. */
const RECORDS = [
  ['0x8000000500000010', '0x0000004012345000', { FR: 5, SID: 0x10, T: 0, AT: 0, PP: false, PV: 0 }],
  ['0xD000000D00000010', '0x0000004012345000', { FR: 0xd, SID: 0x10, T: 2, AT: 1, PP: false, PV: 0 }],
  ['0xC020004680006A08', '0x00007F1234567000', { FR: 0x46, SID: 0x6a08, T: 2, AT: 0, PP: true, PV: 0x2000 }],
  ['0x8000054790006A08', '0x00007F1234567000', { FR: 0x47, SID: 0x6a08, T: 1, AT: 0, PP: true, PV: 5 }],
  ['0xC000008510006A08', '0x0000000000005000', { FR: 0x85, SID: 0x6a08, T: 3, AT: 0, PP: false, PV: 0 }],
] as const;

describe('fault records', () => {
  test.each(RECORDS)('%s %s reads as its fields and packs back', (hi, lo, fields) => {
    const words = [word(lo), word(hi)];
    const record = parseFaultRecord(words);
    expect(record).toMatchObject({ F: true, FI: word(lo), PRIV: false, EXE: false, ...fields });
    expect(packFaultRecord(record).map(hex64)).toEqual([lo, hi]);
  });

  test('PRIV is bit 93', () => {
    expect(parseFaultRecord([word('0x00007F1234567000'), word('0x80000585A0006A08')]).PRIV).toBe(true);
  });
});

describe('fault reasons', () => {
  test('each code is there once, and the codes between the families are not', () => {
    const codes = FAULT_REASONS.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect([0x0f, 0x1f, 0x35, 0x4a, 0x53, 0x88].map(faultReason)).toEqual(Array(6).fill(undefined));
  });

  /** The "Q" column of the specification's fault tables: what FPD cannot suppress. */
  const NOT_QUALIFIED = [
    0x00, 0x01, 0x08, 0x09, 0x0a, 0x20, 0x21, 0x23, 0x25, 0x29, 0x2a, 0x2b, 0x30, 0x31, 0x32, 0x33, 0x34,
    0x38, 0x39, 0x3a, 0x40, 0x50, 0x58,
  ];

  test('root faults, access errors of unread entries and table-mode faults are never suppressed', () => {
    const found = FAULT_REASONS.filter(({ qualified }) => !qualified).map(({ code }) => code);
    expect(found).toEqual(NOT_QUALIFIED);
    expect(isQualified(0x0b)).toBe(true);
  });

  test('has the texts the kernel prints', () => {
    expect(faultReason(5)?.text).toBe('PTE Write access is not set');
    expect(faultReason(0x59)?.text).toBe('SM: Present bit in PASID Table Entry is clear');
    expect(faultReason(0x0e)?.isKnownToKernel).toBe(false);
    expect(faultReason(0x59)?.isKnownToKernel).toBe(true);
  });
});
