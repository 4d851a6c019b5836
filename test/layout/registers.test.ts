import { u64 } from '../../src/bits/u64.js';
import { decodeCapabilities, packCapability, packExtendedCapability } from '../../src/layout/capability.js';
import { registerMap, registerSetBytes } from '../../src/layout/registers.js';

const FULL = decodeCapabilities(
  0x40,
  packCapability({ FRO: 0x40, NFR: 3, PLMR: 1, PHMR: 1, PSI: 1 }),
  packExtendedCapability({ QI: 1, IR: 1, EIM: 1, DT: 1, PRS: 1, SMTS: 1, MTS: 1, IRO: 0x50, SSIRWS: 1 }),
);
const BARE = decodeCapabilities(0x10, u64(0, 0), packExtendedCapability({ IRO: 0x10 }));

const offsetsOf = (c: typeof FULL) =>
  Object.fromEntries(registerMap(c).map(({ name, offset }) => [name, offset]));

describe('register map', () => {
  test('places every register where the specification does', () => {
    expect(offsetsOf(FULL)).toMatchObject({
      VER: 0x0,
      CAP: 0x8,
      ECAP: 0x10,
      GCMD: 0x18,
      GSTS: 0x1c,
      RTADDR: 0x20,
      CCMD: 0x28,
      FSTS: 0x34,
      FECTL: 0x38,
      FEDATA: 0x3c,
      FEADDR: 0x40,
      FEUADDR: 0x44,
      PMEN: 0x64,
      PLMBASE: 0x68,
      PLMLIMIT: 0x6c,
      PHMBASE: 0x70,
      PHMLIMIT: 0x78,
      IQH: 0x80,
      IQT: 0x88,
      IQA: 0x90,
      ICS: 0x9c,
      IECTL: 0xa0,
      IEUADDR: 0xac,
      IQERCD: 0xb0,
      IRTA: 0xb8,
      PQH: 0xc0,
      PQT: 0xc8,
      PQA: 0xd0,
      PRS: 0xdc,
      PECTL: 0xe0,
      PEUADDR: 0xec,
      MTRRCAP: 0x100,
      MTRRDEF: 0x108,
      MTRR_FIX64K_00000: 0x120,
      MTRR_FIX4K_F8000: 0x170,
      MTRR_PHYSBASE0: 0x180,
      MTRR_PHYSMASK9: 0x218,
      'FRCD[0].lo': 0x400,
      'FRCD[3].hi': 0x438,
      IVA: 0x500,
      IOTLB: 0x508,
    });
  });

  test('leaves out what the capabilities do not offer', () => {
    const bare = offsetsOf(BARE);
    for (const name of ['IQH', 'IQERCD', 'IRTA', 'PQA', 'PRS', 'PMEN', 'PLMBASE', 'MTRRCAP']) {
      expect(bare).not.toHaveProperty(name);
    }
    expect(bare).toHaveProperty('IOTLB', 0x108);
  });

  test('registers do not overlap and stand at multiples of their size', () => {
    let end = 0;
    for (const { name, offset, bytes } of registerMap(FULL)) {
      expect({ name, aligned: offset % bytes === 0, free: offset >= end }).toEqual({
        name,
        aligned: true,
        free: true,
      });
      end = offset + bytes;
    }
  });

  test('fault records far out make the register set larger than one page', () => {
    expect(registerSetBytes(BARE)).toBe(4096);
    const far = decodeCapabilities(0x10, packCapability({ FRO: 0x3ff, NFR: 1 }), u64(0, 0));
    expect(registerSetBytes(far)).toBe(0x5000);
  });
});
