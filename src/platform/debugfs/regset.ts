import { toHexDigits, u64 } from '../../bits/u64.js';
import type { KernelProfileName } from '../../kernel/config.js';
import type { IntelUnit } from '../../kernel/intel/unit.js';
import { REGISTER } from '../../layout/registers.js';
import { word } from './format.js';

type Row = readonly [name: string, offset: number];

/** Linux: iommu_regs_32[]. */
const NARROW = [
  'VER',
  'GCMD',
  'GSTS',
  'FSTS',
  'FECTL',
  'FEDATA',
  'FEADDR',
  'FEUADDR',
  'PMEN',
  'PLMBASE',
  'PLMLIMIT',
  'ICS',
  'PRS',
  'PECTL',
  'PEDATA',
  'PEADDR',
  'PEUADDR',
] as const satisfies readonly (keyof typeof REGISTER)[];

/** Advanced fault log: no unit has had it for long, so the register map leaves it out. */
const AFLOG: Row = ['AFLOG', 0x58];

/** Linux: iommu_regs_64[], up to the memory types. */
const WIDE = [
  'CAP',
  'ECAP',
  'RTADDR',
  'CCMD',
  AFLOG,
  'PHMBASE',
  'PHMLIMIT',
  'IQH',
  'IQT',
  'IQA',
  'IRTA',
  'PQH',
  'PQT',
  'PQA',
  'MTRRCAP',
  'MTRRDEF',
] as const satisfies readonly (keyof typeof REGISTER | Row)[];

/** The fixed ranges lie next to each other. */
const FIXED_RANGES = [
  'FIX64K_00000',
  'FIX16K_80000',
  'FIX16K_A0000',
  'FIX4K_C0000',
  'FIX4K_C8000',
  'FIX4K_D0000',
  'FIX4K_D8000',
  'FIX4K_E0000',
  'FIX4K_E8000',
  'FIX4K_F0000',
  'FIX4K_F8000',
];
const VARIABLE_RANGES = 10;

/** V5_10 looks for the virtual command registers where no specification has them. */
function virtualCommandRows(profile: KernelProfileName): Row[] {
  const [capability, command, response] = profile === 'V5_10' ? [0xe00, 0xe10, 0xe20] : [0xe30, 0xe00, 0xe10];
  return [
    ['VCCAP', capability],
    ['VCMD', command],
    ['VCRSP', response],
  ];
}

function wideRows(profile: KernelProfileName): Row[] {
  return [
    ...WIDE.map((row): Row => (typeof row === 'string' ? [row, REGISTER[row]] : row)),
    ...FIXED_RANGES.map((range, index): Row => [`MTRR_${range}`, REGISTER.MTRRFIX + 8 * index]),
    ...Array.from({ length: VARIABLE_RANGES }, (_, index): Row[] => [
      [`MTRR_PHYSBASE${index}`, REGISTER.MTRRVAR + 16 * index],
      [`MTRR_PHYSMASK${index}`, REGISTER.MTRRVAR + 16 * index + 8],
    ]).flat(),
    ...virtualCommandRows(profile),
  ];
}

/**
 * A unit's part of `iommu_regset`: the narrow registers, then the wide ones, whether the unit has them or
 * not. Linux: iommu_regset_show().
 */
export function regset(unit: IntelUnit, profile: KernelProfileName): string {
  const row = ([name, offset]: Row, value: string): string =>
    `${name.padEnd(16)}\t0x${offset.toString(16).padStart(2, '0')}\t\t0x${value}\n`;
  return [
    `IOMMU: ${unit.name} Register Base Address: ${toHexDigits(unit.registerBase)}\n`,
    'Name\t\t\tOffset\t\tContents\n',
    ...NARROW.map((name) => row([name, REGISTER[name]], word(u64(0, unit.read32(REGISTER[name]))))),
    ...wideRows(profile).map((each) => row(each, word(unit.read64(each[1])))),
    '\n',
  ].join('');
}
