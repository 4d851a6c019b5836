import type { Attachment } from '../../../kernel/iommu/attachment.js';
import type { Command } from '../../command.js';
import { deviceNamed } from '../named.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';
import { endingOf } from '../release.js';

/** What features of devices need, and what stands against them. */
export const FEATURE_RULES: ObstacleRules = {
  AUX_ENABLED: {
    evidence: (met) => [`AUX of ${nameOf(met)}: on`],
    repairs: (met) => [[feature('disableFeature', met)]],
    otherwise: 'UNKNOWN',
  },
  AUX_DISABLED: {
    evidence: (met) => [`AUX of ${nameOf(met)}: off`],
    repairs: (met) => [[feature('enableFeature', met)]],
    otherwise: 'UNKNOWN',
  },

  AUX_IN_USE: {
    evidence: (met) =>
      auxUsers(met).map(
        ({ domain, endpoint, pasid }) => `${endpoint.name}: domain ${domain.number}, PASID ${pasid}`,
      ),
    repairs: (met) => [auxUsers(met).flatMap((attachment) => endingOf(met.platform, attachment))],
    otherwise: 'UNKNOWN',
  },

  NO_PRIMARY_DOMAIN: {
    evidence: ({ platform, command, blocker }) => {
      const device = deviceNamed(platform, blocker.subject, command);
      const group = device?.group ?? null;
      return [
        `domain of ${device?.name ?? 'the device'}: none`,
        ...(group === null ? [] : [`domain of group ${group.number}: ${group.domain?.number ?? 'none'}`]),
      ];
    },
    // What a detach took away the group still believes in; attaching it again puts it back.
    repairs: ({ platform, command, blocker }) => {
      const group = deviceNamed(platform, blocker.subject, command)?.group ?? null;
      const domain = group?.domain ?? group?.defaultDomain ?? null;
      if (group === null || domain === null) return [];
      return [[{ type: 'attach', domain: domain.number, target: { kind: 'Group', number: group.number } }]];
    },
    otherwise: 'UNKNOWN',
  },

  NO_PASID_CAPABILITY: {
    evidence: (met) => [`configuration space of ${nameOf(met)}: no extended capability 0x1b (PASID)`],
    otherwise: 'HARDWARE',
  },
  NO_PAGE_REQUESTS: {
    evidence: ({ platform, command, blocker }) => {
      const device = deviceNamed(platform, blocker.subject, command);
      if (device === null) return [];
      return [
        `${device.name}: page request capability ${device.fn.pri === null ? 'absent' : 'present'}, ATS capability ${device.fn.ats === null ? 'absent' : 'present'}`,
        ...(device.unit === null
          ? []
          : [`${device.unit.name}: ECAP.PRS is ${Number(device.unit.capabilities.PRS)}`]),
      ];
    },
    otherwise: 'HARDWARE',
  },
  NO_ATS: {
    evidence: (met) => [`${nameOf(met)}: no ATS, or firmware does not allow it (ATSR, SATC)`],
    otherwise: 'HARDWARE',
  },
  NO_SHARED_MEMORY: {
    evidence: ({ platform: { kernel } }) => [
      `CONFIG_INTEL_IOMMU_SVM: ${kernel.options().find(({ name }) => name === 'CONFIG_INTEL_IOMMU_SVM')?.value ?? 'not set'}`,
      ...kernel.units.map(
        ({ name, capabilities: { PASID, FS1GP }, scalableMode }) =>
          `${name}: scalable mode ${scalableMode ? 'on' : 'off'}, ECAP.PASID is ${Number(PASID)}, CAP.FS1GP is ${Number(FS1GP)}`,
      ),
    ],
    otherwise: 'ANOTHER_BOOT',
    remedy: () => 'It takes scalable mode, CONFIG_INTEL_IOMMU_SVM=y, and units with PASID and 1 GiB pages.',
  },
  FEATURE_UNKNOWN: { otherwise: 'ANOTHER_BOOT', remedy: () => 'Later kernels know it (profile V5_15).' },
  FEATURE_CANNOT_BE_DISABLED: { otherwise: 'OTHER_ARGUMENTS' },
  NO_FEATURE_OPS: { otherwise: 'OTHER_ARGUMENTS' },
  NO_PASID_ATTACH: { otherwise: 'ANOTHER_BOOT' },
};

function nameOf({ platform, command, blocker }: Circumstances): string {
  return deviceNamed(platform, blocker.subject, command)?.name ?? 'the device';
}

function auxUsers({ platform, command, blocker }: Circumstances): readonly Attachment[] {
  const attachments = deviceNamed(platform, blocker.subject, command)?.attachments ?? [];
  return attachments.filter(({ kind, leaked }) => kind === 'AUX' && !leaked);
}

function feature(type: 'enableFeature' | 'disableFeature', met: Circumstances): Command {
  return { type, device: nameOf(met), feature: 'AUX' };
}
