import { KernelError } from '../errno.js';
import { joinGroup, newGroup } from '../iommu/group.js';
import { probeEndpoint } from '../iommu/probe.js';
import { type KernelDevice, Subdevice } from '../objects.js';
import type { KernelState } from '../state.js';
import { availableInstances, offersTypes, typeName } from './types.js';

/** The driver that binds to subdevices. */
const MDEV_DRIVER = 'vfio_mdev';

/**
 * Makes a subdevice. That no unit serves its parent does not fail it: it then has no group.
 * Linux: create_store(), mdev_device_create().
 *
 * @param uuid as written to the file: 36 characters, with or without a newline
 */
export function createMdev(state: KernelState, parent: KernelDevice, type: string, uuid: string): Subdevice {
  const name = parseUuid(uuid);
  const input = offersTypes(parent)
    ? parent.mdevTypeInputs.find((each) => typeName(parent, each) === type)
    : undefined;
  if (input === undefined) {
    throw new KernelError('ENOENT', 'create_store', `${parent.name} offers no subdevice type ${type}.`, [
      {
        code: 'NO_SUCH_TYPE',
        message: `${parent.name} is bound to ${parent.driver ?? 'no driver'}.`,
        subject: parent.subject,
        remedy: parent.driver === null ? 'Bind a driver that offers the type.' : null,
      },
    ]);
  }
  const twin = state.subdevices.get(name);
  if (twin !== undefined) {
    throw new KernelError(
      'EEXIST',
      'mdev_device_create',
      `UUID ${name} is in use, under ${twin.parent.name}.`,
      [
        {
          code: 'UUID_IN_USE',
          message: `${name} exists.`,
          subject: twin.subject,
          remedy: 'Choose another UUID.',
        },
      ],
    );
  }
  if (availableInstances(state, parent, input) < 1) {
    const rule = `${parent.name} has no room for another ${type}.`;
    throw new KernelError('ENOSPC', 'mdev_device_create', rule, [
      {
        code: 'NO_INSTANCES',
        message: rule,
        subject: parent.subject,
        remedy: 'Remove a subdevice of its pool.',
      },
    ]);
  }
  const subdevice = new Subdevice(name, state.buses.get('mdev')!, parent, type, input);
  state.subdevices.set(name, subdevice);
  state.changed('SUBDEVICE_CREATED', subdevice.subject);
  probeEndpoint(state, subdevice);
  bindMdevDriver(state, subdevice);
  return subdevice;
}

/**
 * The mdev driver makes a group of its own only while the bus has no IOMMU operations.
 * Linux (series, patch 5/5): mdev_probe(), mdev_attach_iommu().
 */
function bindMdevDriver(state: KernelState, subdevice: Subdevice): void {
  subdevice.driver = MDEV_DRIVER;
  if (subdevice.bus.iommuOps !== null) return;
  const group = newGroup(state);
  const explanation = `${subdevice.name} was given a group by its driver; no IOMMU operations stand behind it.`;
  joinGroup(state, group, subdevice, [
    { kind: 'SUBDEVICE', device: subdevice.parent, via: null, missingAcs: [], explanation },
  ]);
  state.log.printFor(subdevice, `MDEV: group_id = ${group.number}`);
}

/** Linux: create_store(), guid_parse(). */
function parseUuid(text: string): string {
  const bare = text.length === 37 && text.endsWith('\n') ? text.slice(0, 36) : text;
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(bare)) return bare.toLowerCase();
  throw new KernelError('EINVAL', 'create_store', `"${text}" is not a UUID of 36 characters.`);
}
