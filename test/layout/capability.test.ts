import { toHex, u64 } from '../../src/bits/u64.js';
import { decodeCapabilities, packCapability, packExtendedCapability } from '../../src/layout/capability.js';

const QEMU_48 = u64(0x00d2008c, 0x222f0606);

describe('capability register', () => {
  test('reads an emulated unit with 48-bit addresses field by field', () => {
    const c = decodeCapabilities(0x10, QEMU_48, u64(0, 0));
    expect(c).toMatchObject({
      majorVersion: 1,
      minorVersion: 0,
      ND: 6,
      domainIdBits: 16,
      CM: false,
      SAGAW: 6,
      MGAW: 47,
      maxGuestAddressWidth: 48,
      largestAgaw: 48,
      FRO: 0x22,
      faultRecordOffset: 0x220,
      SSLPS: 3,
      PSI: true,
      NFR: 0,
      faultRecords: 1,
      MAMV: 18,
      DRD: true,
      DWD: true,
      ESRTPS: false,
    });
  });

  test('packs the emulated 39-bit and 48-bit units, with and without caching mode', () => {
    const common = { ND: 6, FRO: 0x22, SSLPS: 3, PSI: 1, MAMV: 18, DRD: 1, DWD: 1 };
    expect(toHex(packCapability({ ...common, SAGAW: 6, MGAW: 47 }))).toBe('0xd2008c222f0606');
    expect(toHex(packCapability({ ...common, SAGAW: 2, MGAW: 38 }))).toBe('0xd2008c22260206');
    expect(toHex(packCapability({ ...common, SAGAW: 6, MGAW: 47, CM: 1 }))).toBe('0xd2008c222f0686');
    expect(toHex(packCapability({ ...common, SAGAW: 6, MGAW: 47, FS1GP: 1 }))).toBe('0x1d2008c222f0606');
  });

  test('finds fields on both sides of bit 32 of the extended register', () => {
    const extended = packExtendedCapability({
      QI: 1,
      IRO: 0xf,
      PSS: 0x13,
      PASID: 1,
      SMTS: 1,
      FSTS: 1,
      IRREQ: 1,
    });
    expect(toHex(extended)).toBe('0x4000899800000f02');
    const c = decodeCapabilities(0x40, u64(0, 0), extended);
    expect(c).toMatchObject({
      QI: true,
      iotlbRegisterOffset: 0xf0,
      pasidBits: 20,
      SMTS: true,
      FSTS: true,
      SSTS: false,
      IRREQ: true,
      registerInvalidation: true,
    });
  });

  test('from major version 6 on there is no register-based invalidation', () => {
    expect(decodeCapabilities(0x5f, u64(0, 0), u64(0, 0)).registerInvalidation).toBe(true);
    expect(decodeCapabilities(0x60, u64(0, 0), u64(0, 0)).registerInvalidation).toBe(false);
  });
});
