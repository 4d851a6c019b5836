import { u64 } from '../../../src/bits/u64.js';
import { buildDmar } from '../../../src/firmware/dmar/build.js';
import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import type { MachineDescription } from '../../../src/firmware/description.js';
import { packCapability, packExtendedCapability } from '../../../src/layout/capability.js';
import { type KernelChoice, kernelConfig } from '../../../src/platform/kernel-choice.js';
import { Platform, type PlatformHeader } from '../../../src/platform/platform.js';
import { MTTY_TYPES } from '../../../src/platform/subdevice-drivers.js';
import type { Chip } from '../../../src/platform/templates/chip.js';
import { describeFunctions, type FunctionPlan } from '../../../src/platform/templates/function-plan.js';
import {
  conventional,
  endpoint,
  expressToPciBridge,
  integratedEndpoint,
} from '../../../src/platform/templates/kinds.js';
import { endpointScope } from '../../../src/platform/templates/scopes.js';
import { twoVendors } from '../../../src/platform/templates/two-vendors/index.js';

type Ecap = Parameters<typeof packExtendedCapability>[0];
type Cap = Parameters<typeof packCapability>[0];

/** A machine, a kernel on it, and what is said of both by hand. */
export interface Case {
  readonly name: string;
  readonly description: MachineDescription;
  readonly kernel: KernelChoice;
  /** Which functions cannot be kept apart: the groups of a fresh machine. */
  readonly groups: readonly (readonly string[])[];
}

const chip = (vendorId: number, deviceId: number, classCode: number, driver: string | null): Chip => ({
  vendorId,
  deviceId,
  classCode,
  revision: 0,
  name: 'part of a test',
  driver,
});

/** 64 GiB: tables lie in the top quarter, memory of users in the one below. */
const HOST_ADDRESS_WIDTH = 36;

/** Two types that draw from one pool of three shares, and one of a pool of its own. */
const TYPES = [
  { group: 'one', cost: 1, pool: 'shares', capacity: 3 },
  { group: 'two', cost: 2, pool: 'shares', capacity: 3 },
  { group: 'own', cost: 1, pool: 'other', capacity: 2 },
].map((type) => ({ displayName: null, description: null, deviceApi: 'vfio-pci', ...type }));

/** Id of no part whose subdevices are known, so that the types are the ones above. */
const ACCELERATOR = chip(0x8086, 0x0001, 0x088000, 'parent');

const parent = (at: string, pasidWidth: number, ats: boolean): FunctionPlan =>
  integratedEndpoint(at, ACCELERATOR, {
    more: (config) => {
      if (ats) config.ats({ queueDepth: 1, pageAlignedRequest: true }, 0x220);
      config.pasid({ maxWidth: pasidWidth, privilegedSupported: true }, 0x230);
      if (ats) config.pri({ maxRequests: 64, stopped: true, responsePasidRequired: true }, 0x240);
      return config.siov({}, 0x250);
    },
    mdevTypes: TYPES,
  });

/**
 * Two parents, one of which can send 7 PASIDs, a pair without ACS, a conventional bus whose devices share
 * their bridge's requester id, a function for user space, one that firmware holds on to, a USB
 * controller that firmware lets go, and a function that has virtual ones.
 */
const FUNCTIONS = describeFunctions([
  conventional('00:00.0', chip(0x8086, 0x09a2, 0x088000, null)),
  expressToPciBridge('00:1c.0', chip(0x10b5, 0x8112, 0x060400, null), 0x71),
  conventional('71:00.0', chip(0x1415, 0x9505, 0x020000, 'vfio-pci')),
  conventional('71:01.0', chip(0x1415, 0x9505, 0x020000, null)),
  parent('6a:01.0', 20, true),
  parent('6b:01.0', 3, false),
  endpoint('6c:00.0', chip(0x10de, 0x1111, 0x020000, 'vfio-pci')),
  endpoint('6c:00.1', chip(0x10de, 0x1112, 0x020000, null)),
  endpoint('6d:00.0', chip(0x10de, 0x2222, 0x020000, 'vfio-pci'), {
    more: (config) => config.ats({ queueDepth: 1, pageAlignedRequest: true }, 0x220),
  }),
  endpoint('6e:00.0', chip(0x1000, 0x3333, 0x010400, null)),
  conventional('6f:00.0', chip(0x8086, 0x4444, 0x0c0330, 'vfio-pci')),
  endpoint('70:00.0', chip(0x8086, 0x5555, 0x020000, 'ice'), {
    more: (config) => config.sriov({ totalVfs: 3, firstOffset: 0x80, stride: 1, vfDeviceId: 0x5556 }, 0x160),
  }),
]);

/** Beside them two disks behind a volume management device, which sends their requests as its own. */
const MANAGED_FUNCTIONS = [
  ...FUNCTIONS,
  ...describeFunctions([
    integratedEndpoint('00:0e.0', chip(0x8086, 0x9a0b, 0x010400, 'vmd')),
    conventional('10000:e1:00.0', chip(0x144d, 0xa80a, 0x010802, null)),
    conventional('10000:e1:01.0', chip(0x144d, 0xa80a, 0x010802, null)),
  ]),
];

const GROUPS = [
  ['0000:00:00.0'],
  ['0000:00:1c.0', '0000:71:00.0', '0000:71:01.0'],
  ['0000:6a:01.0'],
  ['0000:6b:01.0'],
  ['0000:6c:00.0', '0000:6c:00.1'],
  ['0000:6d:00.0'],
  ['0000:6e:00.0'],
  ['0000:6f:00.0'],
  ['0000:70:00.0'],
];

/** 16 domain ids, 48 bits, both large pages, page-selective flushes of at most 8 pages. */
const CAP: Cap = { ND: 0, SAGAW: 4, MGAW: 47, FRO: 0x22, SSLPS: 3, PSI: 1, NFR: 7, MAMV: 3, DWD: 1, DRD: 1 };
const ECAP: Ecap = { C: 1, QI: 1, DT: 1, IR: 1, EIM: 1, PT: 1, SC: 1, IRO: 0x0f, MHMV: 15, RPS: 1 };
const SCALABLE: Ecap = { SRS: 1, PSS: 0x13, PASID: 1, SMTS: 1, SSTS: 1 };
const WIDTH_39: Cap = { SAGAW: 2, MGAW: 38 };

interface UnitPlan {
  readonly cap?: Cap;
  readonly ecap?: Ecap;
}

/** @param units of the first parent; of the second and the function for user space; of all the rest */
function machine(units: readonly [UnitPlan, UnitPlan, UnitPlan], functions = FUNCTIONS): MachineDescription {
  const bases = [0xfed90000, 0xfed91000, 0xfed92000].map((base) => u64(0, base));
  const scopes = [[endpointScope('6a:01.0')], [endpointScope('6b:01.0'), endpointScope('6d:00.0')], []];
  const dmar = buildDmar({
    hostAddressWidth: HOST_ADDRESS_WIDTH,
    interruptRemapping: true,
    oemId: 'TEST',
    oemTableId: 'TEST',
    structures: [
      ...bases.map((registerBase, index) => ({
        kind: 'DRHD' as const,
        includeAll: index === 2,
        segment: 0,
        registerBase,
        size: 0,
        scopes: scopes[index],
      })),
      {
        kind: 'RMRR',
        segment: 0,
        base: u64(0, 0x7f000000),
        last: u64(0, 0x7f00ffff),
        scopes: [endpointScope('6e:00.0'), endpointScope('6f:00.0')],
      },
      { kind: 'ATSR', allPorts: true, segment: 0, scopes: [] },
    ],
  });
  return {
    dmar: parseDmar(dmar).table,
    functions,
    units: units.map(({ cap, ecap }, index) => ({
      registerBase: bases[index],
      capability: packCapability({ ...CAP, ...cap }),
      extendedCapability: packExtendedCapability({ ...ECAP, ...ecap }),
      version: 0x50,
    })),
    commandLine: '',
    reportedGroups: [],
    softwareParents: [{ name: 'mtty', driver: 'mtty', mdevTypes: MTTY_TYPES }],
  };
}

const plain = machine([{}, {}, {}]);
const scalable = machine([{ ecap: SCALABLE }, { ecap: SCALABLE }, { ecap: SCALABLE }]);
const firstStage = machine([
  { ecap: { ...SCALABLE, FSTS: 1, SMPWCS: 1 }, cap: { FS1GP: 1 } },
  { ecap: { ...SCALABLE, FSTS: 1, SMPWCS: 1 } },
  { ecap: { ...SCALABLE, FSTS: 1, SMPWCS: 1 } },
]);
const firstStageOnly = machine([
  { ecap: { ...SCALABLE, FSTS: 1, SSTS: 0, SMPWCS: 1 } },
  { ecap: { ...SCALABLE, FSTS: 1, SSTS: 0, SMPWCS: 1 } },
  { ecap: { ...SCALABLE, FSTS: 1, SSTS: 0, SMPWCS: 1 } },
]);
/** Units that walk the tables of processes and take page requests. */
const SHARING = { ecap: { ...SCALABLE, FSTS: 1, SMPWCS: 1, PRS: 1 }, cap: { FS1GP: 1 } };
const sharing = machine([SHARING, SHARING, SHARING]);
const managed = machine([{ ecap: SCALABLE }, { ecap: SCALABLE }, { ecap: SCALABLE }], MANAGED_FUNCTIONS);
/** Absent entries are cached, and the second unit walks three levels. */
const caching = machine([{ cap: { CM: 1 } }, { cap: { CM: 1, ...WIDTH_39 } }, { cap: { CM: 1 } }]);
const scalableCaching = machine([
  { ecap: SCALABLE, cap: { CM: 1 } },
  { ecap: SCALABLE, cap: { CM: 1, ...WIDTH_39 } },
  { ecap: SCALABLE, cap: { CM: 1 } },
]);

/** Tables of interrupts are left out: they take a megabyte a unit, which each step would be compared. */
const QUICK = ' intremap=off vfio_iommu_type1.allow_unsafe_interrupts=1';
const on = (words: string): Pick<KernelChoice, 'commandLine'> => ({
  commandLine: `intel_iommu=on${words}${QUICK}`,
});
const withTest = { options: [{ name: 'CONFIG_SUBDEV_TEST', value: 'y' }] };

const own = (name: string, description: MachineDescription, kernel: KernelChoice): Case => ({
  name,
  description,
  kernel,
  groups: GROUPS,
});

/** Every profile, every model, every fork, both modes, both policies, both formats of table. */
export const CASES: readonly Case[] = [
  own('V5_10, subdevice bus', scalable, { profile: 'V5_10', ...on(',sm_on,strict') }),
  own('V5_10, subdevice bus, caching mode, widths that differ', scalableCaching, {
    profile: 'V5_10',
    ...on(',sm_on'),
    ...withTest,
  }),
  own('V5_10, AUX required, by parent', scalable, {
    profile: 'V5_10',
    auxRequirement: 'REQUIRED',
    busOrganisation: 'PARENT_DERIVED',
    parentLookup: 'DEVICE_CORE',
    ...withTest,
    ...on(',sm_on iommu=pt'),
  }),
  own('V5_10, legacy mode, caching mode, widths that differ', caching, {
    profile: 'V5_10',
    ...on(',strict iommu=pt'),
  }),
  own('V5_10, attach to the parent', scalableCaching, {
    profile: 'V5_10',
    subdeviceModel: 'AUX_API',
    ...on(',sm_on'),
  }),
  own('V5_15, subdevice bus', scalable, { profile: 'V5_15', ...on(',sm_on iommu.strict=1') }),
  own('V5_15, first-stage tables only, a bus for each type of parent', firstStageOnly, {
    profile: 'V5_15',
    busOrganisation: 'BUS_PER_PARENT_TYPE',
    ...on(',sm_on'),
  }),
  own('V5_15, legacy mode', plain, { profile: 'V5_15', ...on(',sm_off') }),
  own('V5_15, attach to the parent', scalable, {
    profile: 'V5_15',
    subdeviceModel: 'AUX_API',
    ...on(',sm_on'),
  }),
  ...(['V5_10', 'V5_15', 'V6_1'] as const).map((profile) =>
    own(`${profile}, processes that devices share`, sharing, { profile, ...on(',sm_on') }),
  ),
  ...(['V5_10', 'V5_15', 'V6_1'] as const).map((profile) => ({
    ...own(`${profile}, disks behind a volume management device`, managed, { profile, ...on(',sm_on') }),
    groups: [...GROUPS, ['0000:00:0e.0', '10000:e1:00.0', '10000:e1:01.0']],
  })),
  own('V6_1, attach to PASIDs', scalable, {
    profile: 'V6_1',
    subdeviceModel: 'PASID_ATTACH',
    ...on(',sm_on iommu.strict=1'),
  }),
  own('V6_1, subdevice bus, both stages', firstStage, { profile: 'V6_1', ...on(',sm_on,sp_off') }),
  own('V6_1, AUX required', scalable, {
    profile: 'V6_1',
    auxRequirement: 'REQUIRED',
    parentLookup: 'DEVICE_CORE',
    ...withTest,
    ...on(',sm_on iommu=pt'),
  }),
  ...(['ONE_OPS_PER_BUS', 'PARENT_DERIVED', 'BUS_PER_PARENT_TYPE'] as const).map((busOrganisation): Case => ({
    name: `V5_10, two vendors, ${busOrganisation}`,
    description: twoVendors.describe(),
    kernel: { profile: 'V5_10', busOrganisation },
    groups: [['0000:00:00.0'], ['0000:6a:01.0']],
  })),
];

/** 2021; what matters is that it is the same at every run. */
export const BOOTED_AT = 1_600_000_000_000;

export function bootCase({ description, kernel }: Case): Platform {
  const header: PlatformHeader = {
    name: 'invariants',
    origin: 'TEMPLATE',
    createdAt: BOOTED_AT,
    description,
    kernel: kernelConfig(description.commandLine, kernel),
    warnings: [],
  };
  return new Platform(header);
}
