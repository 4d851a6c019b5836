import { typeName } from '../../../kernel/mdev/types.js';
import type { AnySubdevice } from '../../../kernel/mdev/subdevice.js';
import type { KernelDevice } from '../../../kernel/device/kernel-device.js';
import type { MdevParent } from '../../../kernel/mdev/mdev-parent.js';
import type { Command } from '../../command.js';
import { subdeviceDriverOf } from '../../subdevice-drivers.js';
import type { Platform } from '../../platform.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';
import { detachFrom, releaseOf } from '../release.js';
import { unbind } from './drivers.js';

/** Types, instances and names of subdevices. */
export const MDEV_RULES: ObstacleRules = {
  NO_SUCH_TYPE: {
    evidence: ({ platform: { kernel }, command }) => {
      const parent = functionOf(kernel, command);
      if (parent === null) return [];
      const offered = kernel.mdevTypes(parent).map(({ name }) => name);
      return [
        `driver of ${parent.name}: ${parent.driver ?? 'none'}`,
        `types of ${parent.name}: ${offered.length === 0 ? 'none' : offered.join(', ')}`,
      ];
    },
    repairs: bindOffering,
    otherwise: 'OTHER_ARGUMENTS',
    remedy: ({ platform: { kernel }, command }) => {
      const parent = functionOf(kernel, command);
      const offered = parent === null ? [] : kernel.mdevTypes(parent).map(({ name }) => name);
      return offered.length === 0 ? null : `Ask for ${offered.join(' or ')}.`;
    },
  },

  UUID_IN_USE: {
    evidence: (met) => childrenOf(met).map(({ uuid, parent }) => `${uuid} is a subdevice of ${parent.name}`),
    repairs: (met) => childrenOf(met).map((child) => [remove(child)]),
    otherwise: 'OTHER_ARGUMENTS',
  },

  NO_INSTANCES: {
    evidence: (met) => {
      const siblings = poolOf(met);
      const [first] = siblings;
      if (first === undefined) return ['the type has no instances at all'];
      const { pool, capacity } = first.typeInput;
      return [
        `${capacity} ${pool} in all`,
        ...siblings.map(
          ({ uuid, typeName: name, typeInput }) => `${typeInput.cost} taken by ${uuid} (${name})`,
        ),
      ];
    },
    // One that nobody uses costs one command, one in use more: the search finds out.
    repairs: (met) => poolOf(met).map((child) => [remove(child)]),
    otherwise: 'HARDWARE',
  },

  SUBDEVICE_IN_USE: {
    evidence: ({ blocker }) => [blocker.message],
    repairs: ({ platform, command, blocker: { subject } }) => {
      const child = userOf(platform, command, subject);
      if (child === null) return [];
      const release = child.group === null ? [] : releaseOf(platform, child.group);
      if (release.length > 0) return [release];
      const domain = subject?.kind === 'Domain' ? platform.kernel.domains.get(subject.number) : undefined;
      return domain === undefined ? [] : [detachFrom(domain, child)];
    },
    otherwise: 'UNKNOWN',
  },

  NO_FRAMEWORK: { otherwise: 'ANOTHER_BOOT' },
};

function functionOf(kernel: Platform['kernel'], command: Command): KernelDevice | null {
  return command.type === 'createMdev' ? (kernel.devices.get(command.parent) ?? null) : null;
}

function parentOf({ kernel }: Platform, command: Command): MdevParent | null {
  if (command.type === 'createSoftwareMdev') return kernel.softwareParents.get(command.parent) ?? null;
  return functionOf(kernel, command);
}

function remove(child: AnySubdevice): Command {
  return child.kind === 'Subdevice'
    ? { type: 'removeMdev', subdevice: child.uuid }
    : { type: 'removeSoftwareMdev', subdevice: child.uuid };
}

/** The driver that would offer the type, when it is known and another or none is bound. */
function bindOffering({ platform, command }: Circumstances): Command[][] {
  const parent = functionOf(platform.kernel, command);
  if (parent === null || command.type !== 'createMdev') return [];
  const driver = parent.mdevDriver ?? subdeviceDriverOf(parent.fn)?.driver ?? null;
  if (driver === null || driver === parent.driver) return [];
  const offers = parent.mdevTypeInputs.some((input) => `${driver}-${input.group}` === command.mdevType);
  if (!offers) return [];
  const bind: Command = { type: 'bindDriver', device: parent.name, driver };
  return [parent.driver === null ? [bind] : [unbind(parent.name), bind]];
}

function allSubdevices({ kernel }: Platform): AnySubdevice[] {
  return [...kernel.subdevices.values(), ...kernel.softwareSubdevices.values()];
}

/** The one that has the name asked for. */
function childrenOf({ platform, command }: Circumstances): AnySubdevice[] {
  if (command.type !== 'createMdev' && command.type !== 'createSoftwareMdev') return [];
  const uuid = command.uuid.toLowerCase();
  return allSubdevices(platform).filter((child) => child.uuid === uuid);
}

/** Subdevices that draw from the pool the type asked for draws from. */
function poolOf({ platform, command }: Circumstances): AnySubdevice[] {
  if (command.type !== 'createMdev' && command.type !== 'createSoftwareMdev') return [];
  const parent = parentOf(platform, command);
  const input = parent?.mdevTypeInputs.find((each) => typeName(parent, each) === command.mdevType);
  return allSubdevices(platform).filter(
    (child) => child.parent === parent && child.typeInput.pool === input?.pool,
  );
}

/** The subdevice that is in use: the one to be removed, or a child of the device whose driver is to leave. */
function userOf(
  platform: Platform,
  command: Command,
  subject: Circumstances['blocker']['subject'],
): AnySubdevice | null {
  const all = allSubdevices(platform);
  if ('subdevice' in command) return all.find(({ uuid }) => uuid === command.subdevice) ?? null;
  if (!('device' in command)) return null;
  const isHeld = (child: AnySubdevice) => {
    const container = child.group === null ? null : platform.kernel.vfio.containerOf(child.group);
    if (subject?.kind === 'VfioContainer') return container?.number === subject.number;
    const domains = child.kind === 'Subdevice' ? child.parent.attachments : [];
    return domains.some(
      ({ endpoint, domain }) =>
        endpoint === child && subject?.kind === 'Domain' && domain.number === subject.number,
    );
  };
  return all.find((child) => child.parent.name === command.device && isHeld(child)) ?? null;
}
