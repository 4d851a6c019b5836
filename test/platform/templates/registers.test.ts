import { toHexDigits } from '../../../src/bits/u64.js';
import { decodeCapabilities, type UnitCapabilities } from '../../../src/layout/capability.js';
import { templates } from '../../../src/platform/templates/index.js';

const unitsOf = (name: string) =>
  templates
    .find((template) => template.name === name)!
    .describe()
    .units.map(({ version, capability, extendedCapability }) => ({
      cap: toHexDigits(capability),
      ecap: toHexDigits(extendedCapability),
      version,
      can: decodeCapabilities(version, capability, extendedCapability),
    }));

/** What must be absent when something else is. Spec: VT-d 11.4.3 "Extended Capability Register". */
const NEEDS: readonly (readonly [(keyof UnitCapabilities)[], (keyof UnitCapabilities)[]])[] = [
  [['IR', 'DT', 'SMTS'], ['QI']],
  [['EIM', 'IRREQ', 'MHMV'], ['IR']],
  [['EIMER'], ['EIM']],
  [['PASID', 'PSS', 'PRS', 'NEST', 'MTS', 'SRS', 'FSTS', 'SSTS', 'SMPWCS', 'RPS', 'HPTS'], ['SMTS']],
  [['PRS', 'PDS', 'DIT', 'NWFS', 'HPTS', 'PTRS'], ['DT']],
  [['NEST'], ['FSTS', 'SSTS']],
  [['SSADS'], ['SMPWCS']],
  [['EAFS'], ['FSTS', 'SMPWCS']],
  [['RPRIVS'], ['SRS']],
  [['PTRS'], ['PASID']],
  [['SSIRWS'], ['SSTS']],
  [['SMS'], ['PRS']],
  [['HPT1GPS'], ['HPTS']],
  [['PMS'], ['ECMDS']],
];

const broken = (can: UnitCapabilities) =>
  NEEDS.flatMap(([fields, needed]) =>
    needed.some((need) => !can[need]) ? fields.filter((field) => Boolean(can[field])) : [],
  );

describe('registers of sapphire-rapids', () => {
  const units = unitsOf('sapphire-rapids');

  it('are those that such machines log, with PASID and PRS everywhere and first stage on all but the last', () => {
    // "ver 6:0 cap 19ed008c40780c66 ecap 3ee9e86f050df" in the log of a two-socket machine.
    const logged = 0x3ee9e86f050dfn | (1n << 40n) | (1n << 29n);
    const firstStage = (1n << 47n) | (1n << 26n) | (1n << 34n);
    units.forEach(({ cap, ecap, version }, index) => {
      expect(version).toBe(0x60);
      expect(cap).toBe('19ed008c40780c66');
      expect(BigInt(`0x${ecap}`)).toBe(index < 8 ? logged : logged & ~firstStage);
    });
  });

  it('keep the rules between capabilities', () => {
    for (const { can } of units) {
      expect(broken(can)).toEqual([]);
      expect(can).toMatchObject({ ERS: false, VCS: false, RWBF: false, AFL: false });
    }
  });

  it('offer what auxiliary domains and subdevices need', () => {
    for (const { can } of units) {
      expect(can).toMatchObject({
        SMTS: true,
        PASID: true,
        pasidBits: 20,
        PRS: true,
        DT: true,
        IR: true,
        SSTS: true,
        SRS: true,
        FS5LP: true,
        SAGAW: 0b01100,
        largestAgaw: 57,
        domainIdBits: 16,
      });
    }
  });

  it('are nine, the host addresses have 52 bits', () => {
    expect(units).toHaveLength(9);
    expect(templates[0].describe().dmar!.hostAddressWidth).toBe(52);
  });
});

describe('registers of legacy-desktop', () => {
  const units = unitsOf('legacy-desktop');

  it('are those that such machines log', () => {
    expect(units.map(({ cap, ecap, version }) => ({ cap, ecap, version }))).toEqual([
      { cap: '1c0000c40660462', ecap: '19e2ff0505e', version: 0x10 },
      { cap: 'd2008c40660462', ecap: 'f050da', version: 0x10 },
    ]);
  });

  it('have no scalable mode, and the graphics unit shows the mode before it', () => {
    expect(units.map(({ can }) => can.SMTS)).toEqual([false, false]);
    // Bit 24, extended contexts, made these legal without SMTS.
    expect(units.map(({ can }) => broken(can))).toEqual([
      ['PASID', 'PSS', 'PRS', 'NEST', 'MTS', 'NEST', 'EAFS'],
      [],
    ]);
  });

  it('walk tables of four levels for 39-bit addresses', () => {
    for (const { can } of units) expect(can).toMatchObject({ SAGAW: 0b00100, maxGuestAddressWidth: 39 });
  });
});
