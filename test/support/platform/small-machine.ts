import { parsePciAddress } from '../../../src/bits/pci-address.js';
import { parseHex, u64 } from '../../../src/bits/u64.js';
import type { MachineDescription, PciFunctionDescription } from '../../../src/firmware/description.js';
import { buildDmar } from '../../../src/firmware/dmar/build.js';
import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import { ConfigSpaceBuilder } from '../../../src/firmware/pci-config/builder.js';
import type { KernelConfig } from '../../../src/kernel/config.js';
import { packCapability, packExtendedCapability } from '../../../src/layout/capability.js';
import type { LoggedCommand } from '../../../src/platform/command.js';
import { Platform, type PlatformHeader } from '../../../src/platform/platform.js';
import { MTTY_TYPES } from '../../../src/platform/subdevice-drivers.js';
import { endpointScope } from '../../../src/platform/templates/scopes.js';
import { CAP, ECAP } from '../kernel/host.js';

const BASE = u64(0, 0xfed90000);

/** Makes subdevices, three at most, and may be given away as a whole. */
export const PARENT = '0000:6a:01.0';
/** The same, with memory firmware reserves. */
export const LOCKED_PARENT = '0000:6b:01.0';
/** Two functions that cannot be told apart. */
export const TWINS = ['0000:03:00.0', '0000:03:00.1'];
/** A storage controller with reserved memory. */
export const LOCKED = '0000:04:00.0';
/** Alone, and free. */
export const DISK = '0000:05:00.0';
/** No unit covers its segment. */
export const UNCOVERED = '0001:00:01.0';

export interface SmallPlan {
  readonly kernel?: Partial<KernelConfig>;
  /** CAP.ND: 0 gives 16 domain ids. */
  readonly domainIds?: number;
}

/** A machine with one of everything that can refuse something, small enough to boot a thousand times. */
export function smallHeader({ kernel = {}, domainIds = 0 }: SmallPlan = {}): PlatformHeader {
  const reserved = (at: string, page: number) => ({
    kind: 'RMRR' as const,
    segment: 0,
    base: u64(0, page * 4096),
    last: u64(0, page * 4096 + 0xffff),
    scopes: [endpointScope(at.slice(5))],
  });
  const dmar = parseDmar(
    buildDmar({
      hostAddressWidth: 46,
      interruptRemapping: true,
      oemId: 'TEST',
      oemTableId: 'SMALL',
      structures: [
        { kind: 'DRHD', includeAll: true, segment: 0, registerBase: BASE, size: 0, scopes: [] },
        reserved(LOCKED_PARENT, 0x7a000),
        reserved(LOCKED, 0x7b000),
      ],
    }),
  ).table;
  const description: MachineDescription = {
    dmar,
    functions: [
      functionOf(TWINS[0], 0x020000, 'ixgbe', true),
      functionOf(TWINS[1], 0x020000, 'ixgbe', true),
      functionOf(LOCKED, 0x010400, 'hpsa'),
      functionOf(DISK, 0x010802, 'nvme'),
      parentOf(PARENT, 3),
      parentOf(LOCKED_PARENT, 1),
      functionOf(UNCOVERED, 0x020000, null),
    ],
    units: [
      {
        registerBase: BASE,
        version: 0x50,
        capability: packCapability({ ...CAP, ND: domainIds }),
        extendedCapability: packExtendedCapability(ECAP),
      },
    ],
    commandLine: 'intel_iommu=on,sm_on',
    reportedGroups: [],
    softwareParents: [{ name: 'mtty', driver: 'mtty', mdevTypes: MTTY_TYPES }],
  };
  return {
    name: 'small',
    origin: 'IMPORTED',
    createdAt: 0,
    description,
    warnings: [],
    kernel: {
      profile: 'V5_10',
      commandLine: description.commandLine,
      options: {},
      subdeviceModel: 'MDEV_BUS_OPS',
      parentLookup: 'MDEV_BUS_ONLY',
      auxRequirement: 'FALL_BACK_TO_PRIMARY',
      busOrganisation: 'ONE_OPS_PER_BUS',
      dmaEntryLimit: 3,
      ...kernel,
    },
  };
}

/** A platform after commands, refused ones among them. */
export function platformAfter(
  header: PlatformHeader,
  commands: readonly LoggedCommand['command'][],
): Platform {
  const platform = new Platform(header);
  for (const command of commands) platform.apply({ command, time: 1000 });
  return platform;
}

function functionOf(
  at: string,
  classCode: number,
  driver: string | null,
  multiFunction = false,
): PciFunctionDescription {
  const config = new ConfigSpaceBuilder({ vendorId: 0x1234, deviceId: 0x5678, classCode, multiFunction })
    .express({ portType: 'ENDPOINT' })
    .build();
  return described(at, config, driver, []);
}

function parentOf(at: string, capacity: number): PciFunctionDescription {
  const config = new ConfigSpaceBuilder({ vendorId: 0x8086, deviceId: 0x0b25, classCode: 0x088000 })
    .express({ portType: 'ROOT_COMPLEX_ENDPOINT' })
    .ats({ queueDepth: 1, pageAlignedRequest: true })
    // Three PASIDs: 1 to 3.
    .pasid({ maxWidth: 2 })
    .siov({})
    .build();
  return described(at, config, 'idxd', [
    {
      group: '1dwq-v1',
      displayName: 'One queue',
      description: null,
      deviceApi: 'vfio-pci',
      cost: 1,
      pool: 'queues',
      capacity,
    },
  ]);
}

function described(
  at: string,
  config: Uint8Array,
  driver: string | null,
  mdevTypes: PciFunctionDescription['mdevTypes'],
): PciFunctionDescription {
  return {
    address: parsePciAddress(at)!,
    config,
    vendorName: null,
    deviceName: null,
    className: null,
    driver,
    physicalFunction: null,
    mdevTypes,
  };
}

/** As `u64`, from hexadecimal digits. */
export function hex(digits: string) {
  return parseHex(digits)!;
}
