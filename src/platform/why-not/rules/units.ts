import { toHex } from '../../../bits/u64.js';
import { reservedMemoryOf } from '../../../kernel/intel/rmrr.js';
import type { Platform } from '../../platform.js';
import { deviceNamed, endpointsNamed, functionBehind } from '../named.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';

/** What hardware, firmware and the boot have settled; no command changes it. */
export const UNIT_RULES: ObstacleRules = {
  NO_UNIT: {
    evidence: (met) => {
      const { dmar } = met.platform.header.description;
      const device = concerned(met);
      return dmar === null
        ? ['the machine has no DMAR table']
        : [`no DRHD of the DMAR table covers ${device?.name ?? 'the device'}, or no unit of it translates`];
    },
    otherwise: ({ platform }) => (platform.header.description.dmar === null ? 'FIRMWARE' : 'HARDWARE'),
    remedy: ({ platform }) =>
      platform.header.description.dmar === null ? 'Switch VT-d on in the firmware setup.' : null,
  },

  NOT_SCALABLE: {
    evidence: ({ platform: { kernel } }) => [
      kernel.scalableModeReason,
      `command line: ${kernel.config.commandLine}`,
      ...kernel.units.map(({ name, capabilities }) => `${name}: ECAP.SMTS is ${Number(capabilities.SMTS)}`),
    ],
    otherwise: ({ platform }) => (canBeScalable(platform) ? 'ANOTHER_BOOT' : 'HARDWARE'),
    remedy: ({ platform }) => (canBeScalable(platform) ? 'Boot with intel_iommu=on,sm_on.' : null),
  },

  UNIT_WITHOUT_PASID: {
    evidence: ({ platform: { kernel } }) =>
      kernel.units.map(({ name, capabilities }) => `${name}: ECAP.PASID is ${Number(capabilities.PASID)}`),
    otherwise: 'HARDWARE',
  },

  STAGE_UNSUPPORTED: {
    evidence: ({ platform: { kernel } }) =>
      kernel.units.map(
        ({ name, capabilities: { SSTS, FSTS, SRS } }) =>
          `${name}: ECAP.SSTS is ${Number(SSTS)}, ECAP.FSTS is ${Number(FSTS)}, ECAP.SRS is ${Number(SRS)}`,
      ),
    otherwise: 'HARDWARE',
  },

  RMRR_LOCKED: {
    evidence: (met) => reservedRanges(met),
    // Beside the primary domain a subdevice may have one: only what translates the parent itself is refused.
    repairs: ({ platform, command, blocker: { subject } }) => {
      if (subject?.kind !== 'Device') return [];
      const isParent = endpointsNamed(platform, command).some(
        (each) => each.kind === 'Subdevice' && each.parent.name === subject.name,
      );
      return isParent ? [[{ type: 'enableFeature', device: subject.name, feature: 'AUX' }]] : [];
    },
    otherwise: 'FIRMWARE',
  },

  NO_INTERRUPT_REMAPPING: {
    evidence: ({ platform: { kernel, header } }) => [
      kernel.interruptRemapping.reason,
      `DMAR flags: INTR_REMAP is ${Number(header.description.dmar?.interruptRemapping ?? false)}`,
      ...kernel.units.map(({ name, capabilities }) => `${name}: ECAP.IR is ${Number(capabilities.IR)}`),
    ],
    otherwise: 'ANOTHER_BOOT',
  },

  NOT_MODELLED: { otherwise: 'OTHER_ARGUMENTS' },
  NESTING: { otherwise: 'OTHER_ARGUMENTS' },
  NO_MEMORY: {
    evidence: ({ platform: { kernel } }) => [
      `tables and queues use ${kernel.tableMemoryUsed} of ${kernel.tableMemory} bytes`,
    ],
    otherwise: 'UNKNOWN',
  },
  QUEUE_STANDS_STILL: {
    evidence: ({ platform }) =>
      platform.machine.units.map((unit) => {
        const { head, tail } = unit.queueState();
        return `${unit.name}: invalidation queue head ${head}, tail ${tail}`;
      }),
    otherwise: 'UNKNOWN',
    remedy: () => 'Clear the queue error in FSTS (writeRegister), then try again.',
  },
};

/** Every unit could run in scalable mode, if it were asked to. */
function canBeScalable({ kernel }: Platform): boolean {
  return kernel.units.length > 0 && kernel.units.every(({ capabilities }) => capabilities.SMTS);
}

function concerned({ platform, command, blocker }: Circumstances) {
  const named = deviceNamed(platform, blocker.subject, command);
  if (named !== null) return named;
  const [endpoint] = endpointsNamed(platform, command);
  return endpoint === undefined ? null : functionBehind(endpoint);
}

function reservedRanges({ platform, command, blocker }: Circumstances): string[] {
  const device = deviceNamed(platform, blocker.subject, command);
  const { dmar } = platform.header.description;
  if (device === null || dmar === null) return [];
  const ranges = reservedMemoryOf(dmar, platform.machine.topology, device.fn);
  const classCode = device.fn.classCode.toString(16).padStart(6, '0');
  return [
    ...ranges.map(({ start, last }) => `an RMRR of the DMAR table reserves ${toHex(start)}-${toHex(last)}`),
    `class code ${classCode}: neither USB nor display, which are excepted`,
  ];
}
