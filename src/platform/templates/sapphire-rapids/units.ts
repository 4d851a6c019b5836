import { type U64, parseHex, u64 } from '../../../bits/u64.js';
import type { DmarSpec, RemappingStructureSpec } from '../../../firmware/dmar/build.js';
import type { UnitDescription } from '../../../firmware/description.js';
import { endpointScope, hpetScope, ioApicScope, portScope } from '../scopes.js';

/**
 * CAP of Sapphire Rapids units, as such machines log it: 16-bit domain ids, 4- and 5-level tables, 57-bit
 * guest addresses, second-stage pages of 2 MiB and 1 GiB, first-stage 1 GiB pages and 5 levels, posted
 * interrupts, one fault record.
 */
const CAPABILITY: U64 = parseHex('19ed008c40780c66')!;

/**
 * ECAP: the 3ee9e86f050df such machines log, plus PASID (bit 40) and PRS (bit 29). Real firmware gives
 * those two bits to some units only ("IOMMU feature pasid inconsistent" in their logs); there auxiliary
 * domains cannot be had at all, since kernel 5.10 asks every unit for PASID. The template has them
 * everywhere, as the machines had on which the series was developed.
 *
 * First-stage (FLTS) and second-stage (SLTS) translation are both there, as on silicon.
 */
const EXTENDED_CAPABILITY: U64 = parseHex('3ef9ea6f050df')!;

/**
 * ECAP of the INCLUDE_ALL unit: the same without first-stage translation and what needs it (NEST, EAFS).
 * Kernel 5.10 puts every new domain into first-stage tables as soon as every unit has FLTS. One unit
 * without keeps it at second-stage tables, which the subdevice series was written about; real logs of this
 * generation have FLTS on this unit as well. Linux: first_level_by_default().
 */
const SECOND_STAGE_ONLY: U64 = parseHex('36f9aa2f050df')!;

/** 6:0. Linux prints major and minor. */
const VERSION = 0x60;

/**
 * Remapping units and what each serves. Register bases, I/O APIC and timer numbers and the order, the
 * INCLUDE_ALL unit last, are those of a real table; which base belongs to which stack is not known and
 * assigned here. Functions of a stack that do no DMA are left to the INCLUDE_ALL unit.
 */
const UNITS = [
  { base: 0xc67fc000, socket: 0, scopes: [portScope('15:01.0')] },
  { base: 0xc6ffc000, socket: 0, scopes: [portScope('26:01.0'), portScope('26:03.0')] },
  { base: 0xc77fc000, socket: 0, scopes: [portScope('37:01.0'), portScope('37:03.0')] },
  { base: 0x97bfc000, socket: 0, scopes: [endpointScope('6a:01.0'), endpointScope('6a:02.0')] },
  { base: 0xf9ffc000, socket: 1, scopes: [portScope('80:01.0')] },
  { base: 0xfa7fc000, socket: 1, scopes: [portScope('97:01.0')] },
  { base: 0xfaffc000, socket: 1, scopes: [portScope('a7:01.0')] },
  { base: 0xc97fc000, socket: 1, scopes: [endpointScope('e7:01.0'), endpointScope('e7:02.0')] },
  { base: 0x957fc000, socket: 0, scopes: [ioApicScope(8), hpetScope(0)], includeAll: true },
];

/** What each unit answers when its registers are read. */
export const UNIT_REGISTERS: readonly UnitDescription[] = UNITS.map(({ base, includeAll }) => ({
  registerBase: u64(0, base),
  capability: CAPABILITY,
  extendedCapability: includeAll ? SECOND_STAGE_ONLY : EXTENDED_CAPABILITY,
  version: VERSION,
}));

const SEGMENT = 0;

/** Legacy USB emulation keeps its buffers here; the kernel lets go of it once a driver has the controller. */
const USB_MEMORY = { base: u64(0, 0x6f760000), last: u64(0, 0x6f762fff), scopes: [endpointScope('00:14.0')] };

/** The RAID controller reports to the management controller through here for as long as the machine runs. */
const RAID_MEMORY = {
  base: u64(0, 0x6f400000),
  last: u64(0, 0x6f41ffff),
  scopes: [endpointScope('26:01.0', '00.0')],
};

const rootPortsOf = (socket: number) =>
  UNITS.filter((unit) => unit.socket === socket)
    .flatMap(({ scopes }) => scopes)
    .filter(({ kind }) => kind === 'PCI_SUB_HIERARCHY');

const STRUCTURES: readonly RemappingStructureSpec[] = [
  ...UNITS.map(
    ({ base, scopes, includeAll }) =>
      ({
        kind: 'DRHD',
        includeAll: includeAll ?? false,
        segment: SEGMENT,
        registerBase: u64(0, base),
        size: 0,
        scopes,
      }) as const,
  ),
  { kind: 'RMRR', segment: SEGMENT, ...USB_MEMORY },
  { kind: 'RMRR', segment: SEGMENT, ...RAID_MEMORY },
  { kind: 'ATSR', allPorts: false, segment: SEGMENT, scopes: [portScope('00:0d.0'), ...rootPortsOf(0)] },
  { kind: 'ATSR', allPorts: false, segment: SEGMENT, scopes: rootPortsOf(1) },
  ...UNITS.map(
    ({ base, socket }) => ({ kind: 'RHSA', registerBase: u64(0, base), proximityDomain: socket }) as const,
  ),
  {
    kind: 'SATC',
    atcRequired: false,
    segment: SEGMENT,
    scopes: ['6a', 'e7'].flatMap((bus) => [endpointScope(`${bus}:01.0`), endpointScope(`${bus}:02.0`)]),
  },
];

export const DMAR: DmarSpec = {
  hostAddressWidth: 52,
  interruptRemapping: true,
  oemId: 'INTEL',
  oemTableId: 'INTEL ID',
  structures: STRUCTURES,
};
