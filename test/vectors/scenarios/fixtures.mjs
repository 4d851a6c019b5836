import { COMMAND, hex, store, write32, write64 } from './steps.mjs';

/** Lowest bits of the fields used. Spec: VT-d 11.4.2 "Capability Register". */
const CAP = {
  ND: 0,
  SAGAW: 8,
  MGAW: 16,
  FRO: 24,
  SSLPS: 34,
  PSI: 39,
  NFR: 40,
  MAMV: 48,
  DWD: 54,
  DRD: 55,
  FS1GP: 56,
};
/** Spec: VT-d 11.4.3 "Extended Capability Register". */
const ECAP = {
  C: 0,
  QI: 1,
  DT: 2,
  IR: 3,
  EIM: 4,
  PT: 6,
  IRO: 8,
  MHMV: 20,
  NEST: 26,
  PRS: 29,
  SRS: 31,
  PSS: 35,
  PASID: 40,
  PDS: 42,
  SMTS: 43,
  SSTS: 46,
  FSTS: 47,
  SMPWCS: 48,
  RPS: 49,
  ADMS: 52,
  SSIRWS: 57,
};

function pack(layout, fields) {
  return Object.entries(fields).reduce((word, [name, value]) => {
    if (!(name in layout)) throw new Error(`no field ${name}`);
    return word | (BigInt(value) << BigInt(layout[name]));
  }, 0n);
}

const COMMON_CAP = {
  ND: 6,
  SAGAW: 0x6,
  MGAW: 47,
  FRO: 0x22,
  SSLPS: 3,
  PSI: 1,
  NFR: 0,
  MAMV: 18,
  DWD: 1,
  DRD: 1,
};
const LEGACY_ECAP = { C: 1, QI: 1, DT: 1, PT: 1, IRO: 0x0f };
const SCALABLE_ECAP = {
  ...LEGACY_ECAP,
  IR: 1,
  EIM: 1,
  MHMV: 15,
  NEST: 1,
  PRS: 1,
  SRS: 1,
  PSS: 0x13,
  PASID: 1,
  PDS: 1,
  SMTS: 1,
  SSTS: 1,
  FSTS: 1,
  SMPWCS: 1,
  RPS: 1,
};

function unit(version, cap, ecap, collapsesFaults = false) {
  return {
    version: hex(version),
    capability: hex(pack(CAP, cap)),
    extendedCapability: hex(pack(ECAP, ecap)),
    hostAddressWidth: 39,
    collapsesFaults,
  };
}

/**
 * Fixture L: function 00:02.0 in legacy mode, one page 0x4012345000 -> 0x7ABCD000, read-write, domain 0x42.
 */
export const legacy = ({ cap = {}, ecap = {}, collapsesFaults = false } = {}) => ({
  unit: unit(0x10, { ...COMMON_CAP, ...cap }, { ...LEGACY_ECAP, ...ecap }, collapsesFaults),
  memory: [
    store(0x10000, 0x11001, 0),
    store(0x11100, 0x12001, 0x4202),
    store(0x12000, 0x13003),
    store(0x13800, 0x14003),
    store(0x14488, 0x15003),
    store(0x15a28, 0x7abcd003),
  ],
});

/**
 * Fixture S: bus 0x6a in scalable mode. PASIDs of 6a:01.0: 0 second-stage (RID_PASID, domain 0x10),
 * 5 first-stage (0x20), 6 nested (0x30), 7 pass-through (1), 0x47 second-stage (0x77).
 *
 * PWSNP is set in the first-stage and nested entries: without snooped page walks an accessed bit that must
 * be set is a fault of its own, 0x90.
 */
export const scalable = ({ cap = {}, ecap = {} } = {}) => ({
  unit: unit(0x50, { ...COMMON_CAP, FS1GP: 1, ...cap }, { ...SCALABLE_ECAP, ...ecap }),
  memory: [
    store(0x206a0, 0x21001, 0x22001),
    store(0x21100, 0x30009, 0, 0, 0),
    store(0x22000, 0x30009, 0, 0, 0),
    store(0x30000, 0x31001, 0x32001),
    store(0x31000, 0x40089, 0x10),
    store(0x31140, 0x49, 0x800020, 0x50020),
    store(0x31180, 0x400c9, 0x800030, 0x1020),
    store(0x311c0, 0x109, 0x1),
    store(0x321c0, 0x60089, 0x77),
    store(0x40000, 0x41003),
    store(0x41000, 0x42003),
    store(0x42000, 0x43003),
    store(0x43008, 0x90003, 0x91003, 0x92003, 0x93003, 0xabc5003),
    store(0x60000, 0x61003),
    store(0x61000, 0x62003),
    store(0x62000, 0x63003),
    store(0x63028, 0xbcd5003),
    store(0x50000 + 8 * 0xfe, 0x51007),
    store(0x51000 + 8 * 0x48, 0x52007),
    store(0x52000 + 8 * 0x1a2, 0x53007),
    store(0x53000 + 8 * 0x167, 0xdef0007),
    store(0x90000 + 8 * 0xfe, 0x2007),
    store(0x91000 + 8 * 0x48, 0x3007),
    store(0x92000 + 8 * 0x1a2, 0x4007),
    store(0x93000 + 8 * 0x167, 0x5007),
  ],
});

/** Latches the root table and turns translation on. */
export const translationOn = (rootTable) => [
  write64('RTADDR', rootTable),
  write32('GCMD', COMMAND.SRTP),
  write32('GCMD', COMMAND.TE),
];

export const LEGACY_ROOT = 0x10000;
export const SCALABLE_ROOT = 0x20400;

/** An empty invalidation queue, started. `descriptor` gives the steps that submit the next one. */
export function queue(iqa) {
  const base = iqa & ~0xfff;
  const bytes = (iqa & 0x800) !== 0 ? 32 : 16;
  const size = 4096 << (iqa & 7);
  let tail = 0;
  return {
    start: [write64('IQT', 0), write64('IQA', iqa), write32('GCMD', COMMAND.TE + COMMAND.QIE)],
    descriptor: (...words) => {
      const padded = [...words, 0, 0, 0, 0].slice(0, bytes / 8);
      const at = base + tail;
      tail = (tail + bytes) % size;
      return [store(at, ...padded), write64('IQT', tail)];
    },
  };
}
