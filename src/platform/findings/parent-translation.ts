import type { PciTopology } from '../../hardware/pci/topology.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import { neighboursInContext } from '../../kernel/pci/neighbours.js';
import type { Subdevice } from '../../kernel/mdev/subdevice.js';
import type { FindingRule } from './finding.js';

/**
 * Parents whose own translation was taken by a subdevice's domain, and parents a detach left without any.
 * Linux (series): siov_iommu_attach_device() without FEAT_AUX, siov_iommu_detach_device().
 */
export const parentTranslation: FindingRule = function* ({ kernel, machine: { topology } }) {
  for (const device of kernel.devices.values()) {
    const taken = device.attachments.find(
      ({ kind, endpoint }) => kind === 'PRIMARY' && endpoint.kind === 'Subdevice',
    );
    if (taken !== undefined) {
      const harmed = harmedSiblings(kernel.subdevices.values(), device, taken.endpoint as Subdevice);
      yield {
        code: 'PARENT_TRANSLATION_REPLACED',
        severity: 'ERROR',
        message:
          `Domain ${taken.domain.number} was attached to subdevice ${taken.endpoint.name} while the AUX feature of ${device.name} was off, ` +
          `so it translates every untagged request of ${device.name}${driverOf(device)}. ${listOf(harmed)}${neighboursOf(topology, device, 'go through it as well')}`,
        subject: device.subject,
        remedy: `Detach domain ${taken.domain.number}, attach the default domain of ${device.name} again, enable its AUX feature, then attach subdevices.`,
      };
      continue;
    }
    const expected = device.group?.domain ?? null;
    if (expected === null || device.primaryDomain === expected) continue;
    yield {
      code: device.primaryDomain === null ? 'DEVICE_WITHOUT_DOMAIN' : 'DEVICE_NOT_ON_GROUP_DOMAIN',
      severity: 'ERROR',
      message: strayed(device, expected) + neighboursOf(topology, device, 'fare the same'),
      subject: device.subject,
      remedy: `Attach domain ${expected.number} to ${device.name} again.`,
    };
  }
};

function strayed(device: KernelDevice, expected: Domain): string {
  const actual =
    device.primaryDomain === null
      ? `${device.name} has no primary domain, so every untagged request of it faults`
      : `Requests of ${device.name} go through domain ${device.primaryDomain.number}`;
  return `${actual}, although group ${device.group!.number} believes it is attached to domain ${expected.number}.`;
}

/** What the attachment does to each other subdevice of the parent, by UUID. */
function harmedSiblings(
  subdevices: Iterable<Subdevice>,
  parent: KernelDevice,
  attached: Subdevice,
): string[] {
  const harmed: string[] = [];
  for (const sibling of subdevices) {
    if (sibling.parent !== parent || sibling === attached) continue;
    if (sibling.domain === null) harmed.push(`${sibling.uuid} (its next attach evicts this domain)`);
    else if (sibling.attachment === null) {
      harmed.push(`${sibling.uuid} (domain ${sibling.domain.number} translates nothing any more)`);
    } else harmed.push(`${sibling.uuid} (shares the parent with it)`);
  }
  return harmed;
}

function listOf(harmed: readonly string[]): string {
  return harmed.length === 0
    ? 'It has no other subdevices.'
    : `Other subdevices harmed: ${harmed.join(', ')}.`;
}

/** Who else is behind the entries of the device, and what becomes of their requests. */
function neighboursOf(topology: PciTopology, device: KernelDevice, fate: string): string {
  const names = neighboursInContext(topology, device).map(({ name }) => name);
  return names.length === 0
    ? ''
    : ` Requests of ${names.join(', ')} arrive under an id of ${device.name} and ${fate}.`;
}

function driverOf(device: KernelDevice): string {
  return device.driver === null ? '' : `, those of driver ${device.driver} too`;
}
