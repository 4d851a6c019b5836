import { ERRNO, KernelError } from '../errno.js';
import { dropEmptyGroup, joinGroup, newGroup } from '../iommu/group.js';
import { probeEndpoint } from '../iommu/probe.js';
import { type AnySubdevice, SoftwareSubdevice, Subdevice } from './subdevice.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { MdevParent } from './mdev-parent.js';
import type { MdevTypeInput } from './mdev-type.js';
import type { SoftwareParent } from './software-parent.js';
import type { SubdeviceFramework } from '../iommu/bus.js';
import { refusal } from '../refusal.js';
import { subdeviceBusName } from '../profile/organisation.js';
import { requireServed, requiresAux } from '../siov/aux-required.js';
import type { KernelState } from '../state.js';
import { removeMdev } from './remove.js';
import { availableInstances, offersTypes, typeName } from './types.js';

/**
 * Makes a subdevice. That no unit serves its parent does not fail it: it then has no group, and no driver
 * that would make it a VFIO device. Later kernels take it back when the driver will not have it.
 * Linux: create_store(), mdev_device_create().
 *
 * @param uuid as written to the file: 36 characters, with or without a newline
 * @param framework whose bus it is put on; the test framework has no driver and takes only functions
 */
export function createMdev(
  state: KernelState,
  parent: KernelDevice,
  type: string,
  uuid: string,
  framework: SubdeviceFramework = 'mdev',
): Subdevice {
  const { name, input } = checkCreate(state, parent, type, uuid);
  const bus = state.buses.get(subdeviceBusName(state.organisation, framework, parent));
  if (bus === undefined) {
    throw new KernelError('ENODEV', 'create_store', `This kernel has no framework ${framework}.`, [
      {
        code: 'NO_FRAMEWORK',
        message: `There is no ${framework} bus.`,
        subject: null,
        remedy: 'Build the kernel with CONFIG_SUBDEV_TEST=y.',
      },
    ]);
  }
  const subdevice = new Subdevice(name, bus, parent, type, input);
  if (requiresAux(state)) requireServed(subdevice);
  state.subdevices.set(name, subdevice);
  bringUp(state, subdevice);
  return subdevice;
}

/** As createMdev, of a parent that is no PCI function. */
export function createSoftwareMdev(
  state: KernelState,
  parent: SoftwareParent,
  type: string,
  uuid: string,
): SoftwareSubdevice {
  const { name, input } = checkCreate(state, parent, type, uuid);
  const bus = state.buses.get(subdeviceBusName(state.organisation, 'mdev', parent))!;
  const subdevice = new SoftwareSubdevice(name, bus, parent, type, input);
  if (requiresAux(state)) requireServed(subdevice);
  state.softwareSubdevices.set(name, subdevice);
  bringUp(state, subdevice);
  return subdevice;
}

/** Linux: device_add(), and the bus notifier of the IOMMU core in it. */
function bringUp(state: KernelState, subdevice: AnySubdevice): void {
  state.changed('SUBDEVICE_CREATED', subdevice.subject);
  probeEndpoint(state, subdevice);
  if (subdevice.bus.framework !== 'mdev' || !state.options.mdevDriver) return;
  const refused = bindMdevDriver(state, subdevice);
  if (refused === null) return;
  printFailedProbe(state, subdevice.parent, subdevice.uuid, refused);
  if (!state.profile.failsCreateWithoutDriver) return;
  removeMdev(state, subdevice);
  throw refused;
}

/** What is refused before anything is made, in the kernel's order. */
function checkCreate(
  state: KernelState,
  parent: MdevParent,
  type: string,
  uuid: string,
): { readonly name: string; readonly input: MdevTypeInput } {
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
  const name = parseUuid(uuid);
  const twin = state.subdevices.get(name) ?? state.softwareSubdevices.get(name);
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
  if (state.registeredParents.get(parent) === 'LEAVING') {
    throw new KernelError('ENODEV', 'mdev_device_create', `${parent.name} is being unregistered.`);
  }
  if (availableInstances(state, parent, input) < 1) {
    const rule = `${parent.name} has no room for another ${type}.`;
    const full = new KernelError('ENOSPC', 'mdev_device_create', rule, [
      {
        code: 'NO_INSTANCES',
        message: rule,
        subject: parent.subject,
        remedy: 'Remove a subdevice of its pool.',
      },
    ]);
    // A driver that binds to its own subdevices looks when it is bound.
    if (!state.profile.sharesSubdeviceDriver) printFailedProbe(state, parent, name, full);
    throw full;
  }
  return { name, input };
}

/**
 * Lets the mdev driver have a subdevice; null when it takes it. It makes a group only where the bus has no
 * IOMMU operations (before patch 5/5: always), and VFIO takes nothing without a group.
 * Linux: mdev_probe(), mdev_attach_iommu(), vfio_add_group_dev().
 */
function bindMdevDriver(state: KernelState, subdevice: AnySubdevice): KernelError | null {
  subdevice.driver = subdeviceDriver(state, subdevice.parent);
  const refusal = groupRefusal(state, subdevice);
  if (refusal !== null) subdevice.driver = null;
  return refusal;
}

function groupRefusal(state: KernelState, subdevice: AnySubdevice): KernelError | null {
  // VFIO makes one for whatever no IOMMU driver knows, as it does for the samples of a 6.1 kernel.
  if (!state.model.driverMakesGroups && subdevice.kind === 'Subdevice') return null;
  const coreGroups = subdevice.iommuOps !== null;
  if (coreGroups && state.options.fifthPatch) {
    if (subdevice.group !== null) return null;
    const rule = `${subdevice.name} has no group.`;
    return refusal('EINVAL', 'vfio_add_group_dev', rule, {
      code: 'NO_GROUP',
      subject: subdevice.parent.subject,
    });
  }
  const group = newGroup(state);
  if (subdevice.group !== null) {
    state.log.printFor(subdevice, `Failed to add to iommu group ${group.number}: -${ERRNO.EEXIST}`);
    dropEmptyGroup(state, group);
    const rule = `${subdevice.name} is in group ${subdevice.group.number} already.`;
    return new KernelError('EEXIST', 'iommu_group_add_device', rule);
  }
  const explanation = `${subdevice.name} was given a group by its driver; no IOMMU operations stand behind it.`;
  const device = subdevice.kind === 'Subdevice' ? subdevice.parent : null;
  joinGroup(state, group, subdevice, [{ kind: 'SUBDEVICE', device, via: null, missingAcs: [], explanation }]);
  if (state.profile.sharesSubdeviceDriver) state.log.printFor(subdevice, `MDEV: group_id = ${group.number}`);
  return null;
}

/** The driver that binds to the subdevices of a parent. */
function subdeviceDriver(state: KernelState, parent: MdevParent): string {
  return state.profile.sharesSubdeviceDriver ? 'vfio_mdev' : parent.driver!;
}

/** Linux: call_driver_probe(). */
function printFailedProbe(
  state: KernelState,
  parent: MdevParent,
  uuid: string,
  { number }: KernelError,
): void {
  state.log.print(`${subdeviceDriver(state, parent)}: probe of ${uuid} failed with error -${number}`);
}

/** Linux: create_store(), guid_parse(). */
function parseUuid(text: string): string {
  const bare = text.length === 37 && text.endsWith('\n') ? text.slice(0, 36) : text;
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(bare)) return bare.toLowerCase();
  throw refusal('EINVAL', 'create_store', `"${text}" is not a UUID of 36 characters.`, {
    code: 'INVALID_ARGUMENT',
  });
}
