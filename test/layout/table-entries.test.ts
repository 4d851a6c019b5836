import { toHex, u64, type U64 } from '../../src/bits/u64.js';
import { decodeCapabilities, packCapability, packExtendedCapability } from '../../src/layout/capability.js';
import {
  CONTEXT_ENTRY_FIELDS,
  packContextEntry,
  reservedInContextEntry,
} from '../../src/layout/context-entry.js';
import { decodeFields, fieldValue } from '../../src/layout/fields.js';
import { PASID_ENTRY_FIELDS, packPasidEntry, reservedInPasidEntry } from '../../src/layout/pasid-entry.js';
import { packPasidDirectoryEntry } from '../../src/layout/pasid-directory-entry.js';
import { packRootEntry, packScalableRootEntry } from '../../src/layout/root-entry.js';
import {
  packScalableContextEntry,
  pasidsCovered,
  reservedInScalableContextEntry,
} from '../../src/layout/scalable-context-entry.js';

const hex = (words: readonly U64[]) => words.map(toHex);
const QEMU_HAW = 39;
const capabilities = (cap = {}, ecap = {}) =>
  decodeCapabilities(0x10, packCapability({ ND: 6, ...cap }), packExtendedCapability(ecap));

describe('table entries against the worked fixtures of the specification study', () => {
  test('packs the legacy root and context entries of 00:02.0', () => {
    expect(hex(packRootEntry({ P: true, CTP: 0x11000 }))).toEqual(['0x11001', '0x0']);
    const entry = packContextEntry({ P: true, TT: 0, SSPTPTR: 0x12000, AW: 2, DID: 0x42 });
    expect(hex(entry)).toEqual(['0x12001', '0x4202']);
    expect(fieldValue(CONTEXT_ENTRY_FIELDS, 'DID', entry)).toBe(0x42);
  });

  test('packs the scalable root, context and directory entries of bus 6a', () => {
    const root = packScalableRootEntry({ LP: true, LCTP: 0x21000, UP: true, UCTP: 0x22000 });
    expect(hex(root)).toEqual(['0x21001', '0x22001']);
    const context = packScalableContextEntry({ P: true, PASIDE: true, PDTS: 0, PASIDDIRPTR: 0x30000 });
    expect(hex(context)).toEqual(['0x30009', '0x0', '0x0', '0x0']);
    expect(toHex(packPasidDirectoryEntry({ P: true, SMPTBLPTR: 0x31000 }))).toBe('0x31001');
  });

  test('packs the second-stage, first-stage, nested and pass-through PASID entries', () => {
    const second = packPasidEntry({ P: true, AW: 2, PGTT: 2, SSPTPTR: 0x40000, DID: 0x10 });
    expect(hex(second).slice(0, 3)).toEqual(['0x40089', '0x10', '0x0']);
    const first = packPasidEntry({ P: true, AW: 2, PGTT: 1, FSPTPTR: 0x50000, NXE: true, DID: 0x20 });
    expect(hex(first).slice(0, 3)).toEqual(['0x49', '0x20', '0x50020']);
    const nested = packPasidEntry({
      P: true,
      AW: 2,
      PGTT: 3,
      SSPTPTR: 0x40000,
      FSPTPTR: 0x1000,
      NXE: true,
      DID: 0x30,
    });
    expect(hex(nested).slice(0, 3)).toEqual(['0x400c9', '0x30', '0x1020']);
    const passThrough = packPasidEntry({ P: true, AW: 2, PGTT: 4, DID: 1 });
    expect(hex(passThrough).slice(0, 3)).toEqual(['0x109', '0x1', '0x0']);
  });

  test('shows address fields in place and others as numbers, with the meaning of the value', () => {
    const fields = decodeFields(PASID_ENTRY_FIELDS, [u64(0, 0x40089), u64(0, 0x10), u64(0, 0)]);
    const named = Object.fromEntries(fields.map((each) => [each.name, each]));
    expect(named.SSPTPTR.value).toEqual(u64(0, 0x40000));
    expect(named.PGTT).toEqual({ name: 'PGTT', value: u64(0, 2), meaning: 'second-stage' });
    expect(named.AW.meaning).toBe('48 bits, 4 levels');
  });

  test('a PASID directory of PDTS 0 covers 8192 PASIDs and of PDTS 7 all 2^20', () => {
    expect([pasidsCovered(0), pasidsCovered(7)]).toEqual([8192, 1 << 20]);
  });
});

describe('reserved bits against the masks of the QEMU emulation, HAW 39', () => {
  test('legacy context entry', () => {
    const { walked } = reservedInContextEntry(capabilities(), QEMU_HAW);
    expect(hex(walked)).toEqual(['0xffffff8000000ff0', '0xffffffffff000080']);
  });

  test('legacy context entry of a unit with 8-bit domain ids reserves the DID bits above', () => {
    const { walked } = reservedInContextEntry(capabilities({ ND: 2 }), QEMU_HAW);
    expect(toHex(walked[1])).toBe('0xffffffffffff0080');
  });

  test('scalable context entry with every capability but HPTS and PTRS', () => {
    const all = { DT: 1, PASID: 1, PRS: 1, RPS: 1, RPRIVS: 1 };
    const masks = reservedInScalableContextEntry(capabilities({}, all), QEMU_HAW);
    expect(hex(masks)).toEqual([
      '0xffffff80000001e0',
      '0xffffffffffe00000',
      '0xffffffffffffffff',
      '0xffffffffffffffff',
    ]);
  });

  test('scalable context entry reserves every field whose capability is absent', () => {
    const masks = reservedInScalableContextEntry(capabilities(), QEMU_HAW);
    expect(hex(masks).slice(0, 2)).toEqual(['0xffffff80000001fc', '0xffffffffffffffff']);
  });

  test('a PASID entry ignores the table pointer its type does not use', () => {
    const all = { SSADS: 1, SMPWCS: 1, SC: 1, MTS: 1 };
    const second = reservedInPasidEntry(capabilities({}, all), QEMU_HAW, 2);
    const first = reservedInPasidEntry(capabilities({}, all), QEMU_HAW, 1);
    expect(hex(second).slice(0, 3)).toEqual(['0xffffff8000000c20', '0xf87f0000', '0xf02']);
    expect(hex(first).slice(0, 3)).toEqual(['0xc20', '0xf87f0000', '0xffffff8000000f02']);
  });
});
