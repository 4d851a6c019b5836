import { KernelError } from '../errno.js';
import type { Attachment } from '../iommu/attachment.js';
import type { Domain } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { processOfPasid } from '../sva/fault-in.js';
import { unsafe } from '../unsafe.js';
import { addAttachment, dropAttachment } from './attachments.js';
import { maxPasids } from './device-tlb-control.js';
import { dropDomainId, takeDomainId } from './did.js';
import { FIRST_PASID } from './pasid-allocator.js';
import { setUpPasidEntry, tearDownPasidEntry } from './pasid-entry-setup.js';
import { prepareDomain, requireNoLevelDrop, unitOf } from './prepare-domain.js';

/** What a failed allocation returns, as printed. Linux: INVALID_IOASID. */
const INVALID_IOASID = 0xffffffff;

/** Linux: is_aux_domain(). */
export function isAuxDomain(domain: Domain, device: KernelDevice): boolean {
  return device.info !== null && device.info.auxEnabled && domain.type === 'UNMANAGED';
}

/**
 * Attaches a domain beside a device's primary one, under the domain's PASID. The PASID belongs to the
 * domain: one number on every parent.
 * Linux: intel_iommu_aux_attach_device(), aux_domain_add_dev().
 *
 * @param endpoint whom the attachment is for: the subdevice, or the device itself
 */
export function attachAux(
  state: KernelState,
  domain: Domain,
  device: KernelDevice,
  endpoint: Endpoint,
): void {
  if (!isAuxDomain(domain, device)) throw notAux(domain, device);
  const unit = unitOf(device, 'aux_domain_add_dev');
  requireNoLevelDrop(state, domain, unit);
  const present = auxAttachments(domain, device);
  if (present.length > 0 && !state.profile.countsAuxAttachments) {
    throw unsafe(
      'auxiliary_link_device',
      `domain ${domain.number} is already an auxiliary domain of ${device.name}; this kernel would link it into the device's list twice and corrupt the list.`,
      'Give each subdevice of one parent a domain of its own, or run a profile from V5_15 on.',
    );
  }
  requireOwnPasid(state, domain, device);
  prepareDomain(state, domain, device);
  const pasid = takePasid(state, domain, device);
  const made = { domain, endpoint, device, kind: 'AUX', pasid, unit, leaked: false } as const;
  if (present.length > 0) {
    addAttachment(state, { ...made, domainIdTag: present[0].domainIdTag });
    return;
  }
  let did: number | null = null;
  try {
    did = takeDomainId(state, domain, unit);
    setUpPasidEntry(state, device, domain, pasid, did);
  } catch (error) {
    if (did !== null) dropDomainId(state, domain, unit);
    if (!hasAuxUsers(domain)) state.pasids.free(pasid);
    throw error;
  }
  addAttachment(state, { ...made, domainIdTag: did });
}

/**
 * Takes an attachment of a domain off a device; the last one tears the PASID entry down and, when the
 * domain has no other, gives its PASID back. `default_pasid` keeps the number all the same.
 * Linux: intel_iommu_aux_detach_device(), aux_domain_remove_dev().
 */
export function detachAux(
  state: KernelState,
  domain: Domain,
  device: KernelDevice,
  endpoint: Endpoint,
): void {
  if (!isAuxDomain(domain, device)) return;
  requireAuxiliary(state, domain, device);
  const present = auxAttachments(domain, device);
  const own = present.find((each) => each.endpoint === endpoint) ?? present.at(0);
  // Later kernels warn and leave everything as it is.
  if (own === undefined) return;
  dropAttachment(state, own);
  if (present.length > 1) return;
  if (!hasAuxUsers(domain) && !state.pasids.free(domain.defaultPasid)) {
    state.log.print(`Trying to free unknown IOASID ${domain.defaultPasid}`);
  }
  tearDownPasidEntry(state, device, domain.defaultPasid);
  dropDomainId(state, domain, own.unit);
}

/** Refuses a detach of a domain that is not there, where the driver does not look. */
export function requireAuxiliary(state: KernelState, domain: Domain, device: KernelDevice): void {
  if (state.profile.countsAuxAttachments || !isAuxDomain(domain, device)) return;
  if (auxAttachments(domain, device).length > 0) return;
  throw unsafe(
    'auxiliary_unlink_device',
    `domain ${domain.number} was never an auxiliary domain of ${device.name}; this kernel would unlink a list node that was never linked.`,
    'Disable the AUX feature again before detaching.',
  );
}

/** Live auxiliary attachments of a domain to one device. */
function auxAttachments(domain: Domain, device: KernelDevice): Attachment[] {
  return domain.attachments.filter((each) => each.kind === 'AUX' && each.device === device && !each.leaked);
}

/** Leaked attachments count: the driver still has them in its books. */
function hasAuxUsers(domain: Domain): boolean {
  return domain.attachments.some((each) => each.kind === 'AUX');
}

/** Refuses to overwrite the live PASID entry of another domain. */
function requireOwnPasid(state: KernelState, domain: Domain, device: KernelDevice): void {
  const pasid = domain.defaultPasid > 0 ? domain.defaultPasid : state.pasids.lowestFree(FIRST_PASID);
  const victim = device.attachments.find(
    (each) => each.kind === 'AUX' && each.pasid === pasid && each.domain !== domain,
  );
  const shared = processOfPasid(state, pasid);
  if (shared !== null && shared.bonds.has(device)) {
    throw unsafe(
      'aux_domain_add_dev',
      `PASID ${pasid} of ${device.name} leads to process ${shared.pid} now; this kernel would overwrite its entry, because domain ${domain.number} kept the number after its last detach without owning it.`,
      `Use a newly allocated domain instead.`,
    );
  }
  if (victim === undefined) return;
  const stale = domain.defaultPasid > 0 ? domain : victim.domain;
  throw unsafe(
    'aux_domain_add_dev',
    `PASID ${pasid} of ${device.name} translates through domain ${victim.domain.number} now; this kernel would overwrite its entry, because domain ${stale.number} kept the number after its last detach without owning it.`,
    `Detach domain ${stale.number} and use a newly allocated one instead.`,
  );
}

/** The domain's PASID; a domain that never had one gets the lowest free. A number kept from before is not taken again. */
function takePasid(state: KernelState, domain: Domain, device: KernelDevice): number {
  if (domain.defaultPasid > 0) return domain.defaultPasid;
  const last = maxPasids(device.fn) - 1;
  const pasid = state.pasids.allocate(FIRST_PASID, last);
  if (pasid !== null) return (domain.defaultPasid = pasid);
  state.log.print(`Failed ASID allocation ${INVALID_IOASID}`);
  state.log.print("DMAR: Can't allocate default pasid");
  throw new KernelError(
    'ENODEV',
    'aux_domain_add_dev',
    `No PASID from ${FIRST_PASID} to ${last} is free for ${device.name}.`,
    [
      {
        code: 'NO_FREE_PASID',
        message: `${device.name} can send PASIDs up to ${last}, and all are in use.`,
        subject: device.subject,
        remedy: 'Detach an auxiliary domain.',
      },
    ],
  );
}

function notAux(domain: Domain, device: KernelDevice): KernelError {
  const wrongType = domain.type !== 'UNMANAGED';
  return new KernelError(
    'EPERM',
    'intel_iommu_aux_attach_device',
    wrongType
      ? `Only an unmanaged domain can be auxiliary; domain ${domain.number} is ${domain.type}.`
      : `The AUX feature of ${device.name} is off.`,
    [
      {
        code: wrongType ? 'DOMAIN_TYPE' : 'AUX_DISABLED',
        message: wrongType
          ? `Domain ${domain.number} is ${domain.type}.`
          : `The AUX feature of ${device.name} is off.`,
        subject: wrongType ? domain.subject : device.subject,
        remedy: wrongType ? 'Use an unmanaged domain.' : 'Enable the AUX feature.',
      },
    ],
  );
}
