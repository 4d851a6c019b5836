import type { Attachment } from '../iommu/attachment.js';
import type { Domain } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { addAttachment, dropAttachment } from './attachments.js';
import { dropDomainId, takeDomainId } from './did.js';
import { setUpPasidEntry, tearDownPasidEntry } from './pasid-entry-setup.js';
import { prepareDomain, requireNoLevelDrop, unitOf } from './prepare-domain.js';

/**
 * Points one PASID of a device at a domain; whatever fails is undone. That a device which cannot send
 * PASIDs is refused with EOPNOTSUPP is not confirmed for this profile. Linux: intel_iommu_set_dev_pasid().
 */
export function setDevicePasid(
  state: KernelState,
  domain: Domain,
  device: KernelDevice,
  pasid: number,
  endpoint: Endpoint,
): void {
  const mirrors = 'intel_iommu_set_dev_pasid';
  const unit = unitOf(device, mirrors);
  if (!unit.pasidSupported || device.info === null || !device.info.pasidSupported) {
    const isDevice = unit.pasidSupported;
    const rule = `${isDevice ? device.name : unit.name} cannot handle PASIDs.`;
    throw refusal('EOPNOTSUPP', mirrors, rule, {
      code: isDevice ? (device.info === null ? 'NO_PRIMARY_DOMAIN' : 'NO_PASID_CAPABILITY') : 'NOT_SCALABLE',
      subject: isDevice ? device.subject : { kind: 'IommuUnit', name: unit.name },
    });
  }
  if (!domain.isPaging) {
    const rule = `Domain ${domain.number} is ${domain.type} and has no tables.`;
    throw refusal('EINVAL', mirrors, rule, { code: 'DOMAIN_TYPE', subject: domain.subject });
  }
  requireNoLevelDrop(state, domain, unit);
  prepareDomain(state, domain, device);
  const did = takeDomainId(state, domain, unit);
  try {
    setUpPasidEntry(state, device, domain, pasid, did);
  } catch (error) {
    dropDomainId(state, domain, unit);
    throw error;
  }
  addAttachment(state, {
    domain,
    endpoint,
    device,
    kind: 'PASID',
    pasid,
    domainIdTag: did,
    unit,
    leaked: false,
  });
}

/** Linux: intel_iommu_remove_dev_pasid(). */
export function removeDevicePasid(state: KernelState, attachment: Attachment): void {
  const { domain, device, unit } = attachment;
  dropAttachment(state, attachment);
  tearDownPasidEntry(state, device, attachment.pasid!);
  dropDomainId(state, domain, unit);
}
