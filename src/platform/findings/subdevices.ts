import type { FindingRule } from './finding.js';

/** Subdevices user space cannot be given, and parents whose subdevices would harm them. */
export const subdevices: FindingRule = function* ({ kernel, refusedSubdevices = [] }) {
  for (const { uuid, parent, error } of refusedSubdevices) {
    yield {
      code: 'IMPORTED_SUBDEVICE_REFUSED',
      severity: 'WARNING',
      message: `The machine had the subdevice ${uuid} of ${parent}; this kernel does not make it (${error.errno}): ${error.message}`,
      subject: { kind: 'Device', name: parent },
      remedy: null,
    };
  }
  for (const subdevice of [...kernel.subdevices.values(), ...kernel.softwareSubdevices.values()]) {
    if (subdevice.group !== null) continue;
    const ops = subdevice.iommuOps?.name ?? null;
    yield {
      code: 'SUBDEVICE_WITHOUT_GROUP',
      severity: 'WARNING',
      message:
        ops === null
          ? `Subdevice ${subdevice.uuid} has no group, so VFIO has no device for it.`
          : `Subdevice ${subdevice.uuid} has no group: ${ops} refused its parent ${subdevice.parent.name}, and the mdev driver makes no group itself while its bus has operations. VFIO has no device for it.`,
      subject: subdevice.subject,
      remedy: ops === null ? null : `Run the platform without ${ops} on the subdevice bus.`,
    };
  }
  if (!kernel.subdeviceOpsRegistered) return;
  for (const device of kernel.devices.values()) {
    const types = kernel.mdevTypes(device);
    if (types.length === 0 || device.enabledFeatures.has('AUX')) continue;
    const aux = kernel.featureState(device).find(({ feature }) => feature === 'AUX');
    const harm =
      kernel.config.auxRequirement === 'REQUIRED'
        ? 'attaching a domain to one of them is refused'
        : `attaching a domain to one of them replaces the translation of ${device.name} itself`;
    const why = aux?.reason == null ? '' : ` ${aux.reason}`;
    yield {
      code: 'MDEV_PARENT_WITHOUT_AUX',
      severity: 'WARNING',
      message: `${device.name} offers subdevices (${types.map(({ name }) => name).join(', ')}) while its AUX feature is off: ${harm}.${why}`,
      subject: device.subject,
      remedy: `Enable the AUX feature of ${device.name} before anything is attached.`,
    };
  }
};
