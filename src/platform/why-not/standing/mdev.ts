import type { Blocker } from '../../../kernel/errno.js';
import type { MdevParent } from '../../../kernel/mdev/mdev-parent.js';
import type { Platform } from '../../platform.js';
import { type StandingRule, found } from './standing.js';

export const standingCreateMdev: StandingRule<'createMdev'> = function* (platform, command) {
  const parent = platform.kernel.devices.get(command.parent);
  if (parent !== undefined) yield* creation(platform, parent, command.mdevType, command.uuid);
};

export const standingCreateSoftwareMdev: StandingRule<'createSoftwareMdev'> = function* (platform, command) {
  const parent = platform.kernel.softwareParents.get(command.parent);
  if (parent !== undefined) yield* creation(platform, parent, command.mdevType, command.uuid);
};

/** Linux: create_store(), mdev_device_create(). */
function* creation({ kernel }: Platform, parent: MdevParent, type: string, uuid: string): Generator<Blocker> {
  const offered = kernel.mdevTypes(parent).find(({ name }) => name === type);
  if (offered === undefined) {
    const message = `${parent.name} is bound to ${parent.driver ?? 'no driver'}, which offers no type ${type}.`;
    yield found('NO_SUCH_TYPE', message, parent.subject);
  } else if (offered.availableInstances < 1) {
    yield found('NO_INSTANCES', `${parent.name} has no room for another ${type}.`, parent.subject);
  }
  const name = uuid.toLowerCase();
  const twin = kernel.subdevices.get(name) ?? kernel.softwareSubdevices.get(name);
  if (twin !== undefined) yield found('UUID_IN_USE', `${name} exists.`, twin.subject);
}
