import { isVfioDriver } from '../../../kernel/vfio/viability.js';
import type { Command } from '../../command.js';
import { deviceNamed, groupNamed } from '../named.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';
import { releaseOf } from '../release.js';

/** Which driver holds a device, and which would have to. */
export const DRIVER_RULES: ObstacleRules = {
  DRIVER_BOUND: {
    evidence: (met) => {
      const device = boundDevice(met);
      return device === null ? [] : [`driver of ${device.name}: ${device.driver ?? 'none'}`];
    },
    repairs: (met) => {
      const device = boundDevice(met);
      return device === null || isAsked(met) ? [] : [[unbind(device.name)]];
    },
    otherwise: (met) => (isAsked(met) ? 'NOTHING_TO_DO' : 'UNKNOWN'),
  },

  NO_DRIVER: { otherwise: 'NOTHING_TO_DO', remedy: () => 'Nothing is to be unbound.' },

  HOST_DRIVER_BOUND: {
    evidence: ({ platform, command, blocker }) => {
      const device = deviceNamed(platform, blocker.subject, command);
      const group = device?.group ?? null;
      if (device === null || group === null) return [];
      return [
        `driver of ${device.name}: ${device.driver ?? 'none'}`,
        ...group.because
          .filter((reason) => reason.device === device || reason.via === device)
          .map(({ explanation }) => explanation),
      ];
    },
    repairs: ({ blocker: { subject } }) => (subject?.kind === 'Device' ? [[unbind(subject.name)]] : []),
    otherwise: 'UNKNOWN',
  },

  NO_VFIO_DRIVER: {
    evidence: ({ platform, command }) =>
      (groupNamed(platform, command)?.members ?? []).map(
        ({ name, driver }) => `driver of ${name}: ${driver ?? 'none'}`,
      ),
    repairs: bindMember,
    otherwise: 'ANOTHER_BOOT',
    remedy: () => 'The driver of subdevices is built with CONFIG_VFIO_MDEV_DEVICE.',
  },

  GROUP_IN_CONTAINER: {
    evidence: ({ blocker }) => [blocker.message],
    repairs: (met) => {
      const group = boundDevice(met)?.group ?? null;
      return group === null ? [] : [releaseOf(met.platform, group)];
    },
    otherwise: 'UNKNOWN',
  },
};

export function unbind(device: string): Command {
  return { type: 'unbindDriver', device };
}

/** The one device whose driver is in the way: for the type of a group, its only member. */
function boundDevice({ platform, command, blocker }: Circumstances) {
  const device = deviceNamed(platform, blocker.subject, command);
  if (device !== null) return device;
  const member = groupNamed(platform, command)?.members[0];
  return member?.kind === 'Device' ? member : null;
}

/** The driver asked for is the one that is bound. */
function isAsked({ platform, command }: Circumstances): boolean {
  return (
    command.type === 'bindDriver' && platform.kernel.devices.get(command.device)?.driver === command.driver
  );
}

/** Any member will do; one that has no driver costs least, and a bridge is nothing to give away. */
function bindMember({ platform, command }: Circumstances): Command[][] {
  const members = groupNamed(platform, command)?.members ?? [];
  return members
    .filter((member) => member.kind === 'Device')
    .filter(({ fn, driver }) => !fn.isBridge && !isVfioDriver(driver))
    .map(({ name, driver }): Command[] => {
      const bind: Command = { type: 'bindDriver', device: name, driver: 'vfio-pci' };
      return driver === null ? [bind] : [unbind(name), bind];
    })
    .sort((a, b) => a.length - b.length);
}
