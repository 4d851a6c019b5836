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
  for (const subdevice of kernel.subdevices.values()) {
    if (subdevice.group !== null) continue;
    yield {
      code: 'SUBDEVICE_WITHOUT_GROUP',
      severity: 'WARNING',
      message: kernel.subdeviceOpsRegistered
        ? `Subdevice ${subdevice.uuid} has no group: the subdevice operations refused its parent, and the mdev driver makes no group itself while they are registered. VFIO has no device for it.`
        : `Subdevice ${subdevice.uuid} has no group, so VFIO has no device for it.`,
      subject: subdevice.subject,
      remedy: 'Run the platform without the subdevice operations (CONFIG_INTEL_IOMMU_SCALABLE_IOV=n).',
    };
  }
  if (!kernel.subdeviceOpsRegistered) return;
  for (const device of kernel.devices.values()) {
    const types = kernel.mdevTypes(device);
    if (types.length === 0 || device.enabledFeatures.has('AUX')) continue;
    const aux = kernel.featureState(device).find(({ feature }) => feature === 'AUX');
    const why = aux?.reason == null ? '' : ` ${aux.reason}`;
    yield {
      code: 'MDEV_PARENT_WITHOUT_AUX',
      severity: 'WARNING',
      message: `${device.name} offers subdevices (${types.map(({ name }) => name).join(', ')}) while its AUX feature is off: attaching a domain to one of them replaces the translation of ${device.name} itself, unless the fork makes the feature a condition.${why}`,
      subject: device.subject,
      remedy: `Enable the AUX feature of ${device.name} before anything is attached.`,
    };
  }
};
