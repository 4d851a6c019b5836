import { carrierOf } from '../../hardware/pci/volume-management.js';
import { atsAllowed } from './unit-lookup.js';
import { KernelError } from '../errno.js';
import type { DeviceDomainInfo } from './device-domain-info.js';
import type { Domain } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { addAttachment, dropAttachment, leakAttachment } from './attachments.js';
import { clearContext, isContextMapped, setUpContext } from './context-setup.js';
import { pasidTableFor } from './device-pasid-table.js';
import { disableDeviceTlb, enableDeviceTlb } from './device-tlb-control.js';
import { dropDomainId, takeDomainId } from './did.js';
import { FLPT_DEFAULT_DID } from './domain-ids.js';
import type { IntelUnit } from './unit.js';
import { endBonds } from '../sva/end-bonds.js';
import { setUpPasidEntry, tearDownPasidEntry } from './pasid-entry-setup.js';
import { prepareDomain, requireNoLevelDrop, unitOf } from './prepare-domain.js';
import { isRmrrLocked } from './rmrr.js';
import { unsafe } from '../unsafe.js';

/**
 * Makes a domain translate a device's untagged requests, in place of what did so before. What was there is
 * removed first, so a failure after that leaves the device with no domain at all.
 * Linux: intel_iommu_attach_device().
 */
export function attachPrimary(
  state: KernelState,
  domain: Domain,
  device: KernelDevice,
  endpoint: Endpoint,
): void {
  requireEligible(state, domain, device);
  const unit = unitOf(device, 'prepare_domain_attach_device');
  requireNoLevelDrop(state, domain, unit);
  requireListedOnce(state, device, unit);
  if (isContextMapped(state, device, unit)) detachPrimary(state, device);
  prepareDomain(state, domain, device);
  if (device.info === null) insertDevice(state, domain, device, endpoint);
  else if (device.info.domain !== domain) throw stillInDomain(device, device.info.domain);
}

/**
 * Without all its context entries a device is not taken from its domain first; the driver then finds that
 * domain instead of putting the new one in. Linux: dmar_insert_one_dev_info(), find_domain().
 */
function stillInDomain(device: KernelDevice, domain: Domain): KernelError {
  return new KernelError(
    'EBUSY',
    'domain_add_dev_info',
    `${device.name} lost a context entry to a neighbour, and the driver still has it in domain ${domain.number}.`,
    [
      {
        code: 'CONTEXT_LOST_TO_NEIGHBOUR',
        message: `A neighbour cleared a context entry it shared with ${device.name}.`,
        subject: device.subject,
        remedy: 'Remove the device and rescan its bus.',
      },
    ],
  );
}

/** Refuses where the driver would put a device on the list of one domain while it is on that of another. */
export function requireListedOnce(state: KernelState, device: KernelDevice, unit: IntelUnit): void {
  if (state.profile.findsDomainOfDevice || device.info === null) return;
  if (isContextMapped(state, device, unit)) return;
  throw unsafe(
    'domain_add_dev_info',
    `${device.name} lost a context entry to a neighbour, so the driver would put it on the list of a second domain while it is on that of the first.`,
    'Remove the device and rescan its bus.',
  );
}

function requireEligible(state: KernelState, domain: Domain, device: KernelDevice): void {
  if (domain.type !== 'UNMANAGED') return;
  if (state.dmar !== null && isRmrrLocked(state.dmar, state.machine.topology, device.fn)) {
    state.log.printFor(
      device,
      'DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  Contact your platform vendor.',
    );
    throw new KernelError(
      'EPERM',
      'intel_iommu_attach_device',
      `Firmware reserves memory for ${device.name} (RMRR), so no user domain may translate it.`,
      [
        {
          code: 'RMRR_LOCKED',
          message: `${device.name} must keep reaching its reserved memory at its physical address.`,
          subject: device.subject,
          remedy: 'Only the platform vendor can lift this.',
        },
      ],
    );
  }
  if (device.info?.auxEnabled) {
    throw new KernelError(
      'EPERM',
      'intel_iommu_attach_device',
      `While the AUX feature of ${device.name} is on, an unmanaged domain cannot be its primary one.`,
      [
        {
          code: 'AUX_ENABLED',
          message: `The AUX feature of ${device.name} is on.`,
          subject: device.subject,
          remedy: 'Disable the AUX feature first.',
        },
      ],
    );
  }
}

/** Linux: dmar_insert_one_dev_info(); every failure in it reaches the caller as EBUSY. */
function insertDevice(state: KernelState, domain: Domain, device: KernelDevice, endpoint: Endpoint): void {
  let did: number;
  try {
    did = takeDomainId(state, domain, device.unit!);
  } catch (error) {
    throw asBusy(error);
  }
  const info = (device.info = newInfo(state, domain, device));
  try {
    if (info.unit.scalableMode && !isCarried(state, device)) {
      info.pasidTable = pasidTableFor(state, device, info);
      step(state, device, 'Setup RID2PASID failed', () => setUpPasidEntry(state, device, domain, 0, did));
    }
    step(state, device, 'Domain context map failed', () => setUpContext(state, device, info, did));
  } catch (error) {
    detachPrimary(state, device);
    throw asBusy(error);
  }
  const sendsPasids = state.model.pasidTableOutlivesDomain && info.pasidSupported;
  if (!isCarried(state, device) && (info.atsSupported || sendsPasids)) enableDeviceTlb(state, device, info);
  const passesThrough = state.hardwarePassThrough && domain.type === 'IDENTITY' && info.unit.scalableMode;
  addAttachment(state, {
    domain,
    endpoint,
    device,
    kind: 'PRIMARY',
    pasid: null,
    domainIdTag: passesThrough ? FLPT_DEFAULT_DID : did,
    unit: info.unit,
    leaked: false,
  });
}

/**
 * Another function sends its requests, and the entries are that one's: the driver only counts it.
 * Linux: dev_is_real_dma_subdevice().
 */
function isCarried(state: KernelState, { fn }: KernelDevice): boolean {
  return carrierOf(state.machine.topology, fn) !== fn;
}

function newInfo(state: KernelState, domain: Domain, device: KernelDevice): DeviceDomainInfo {
  const { fn } = device;
  const unit = device.unit!;
  const { DT, PRS } = unit.capabilities;
  const satc = state.profile.knowsSatc ? { scalableMode: unit.scalableMode } : null;
  const atsSupported = DT && fn.ats !== null && atsAllowed(state.dmar!, state.machine.topology, fn, satc);
  return {
    domain,
    unit,
    pasidTable: null,
    atsSupported,
    pasidSupported: unit.pasidSupported && (fn.physicalFunction ?? fn).pasid !== null,
    priSupported: unit.scalableMode && atsSupported && PRS && fn.pri !== null,
    atsEnabled: false,
    pasidEnabled: false,
    priEnabled: false,
    atsQueueDepth: 0,
    physicalFunctionSourceId: 0,
    auxEnabled: false,
    svaEnabled: false,
  };
}

/**
 * Removes a device from its primary domain. Its PASID table and features go too, and with them every
 * auxiliary attachment, of which only the hardware hears. Where the table belongs to the device it waits
 * for the next primary domain, with what is attached to PASIDs.
 * Linux: __dmar_remove_one_dev_info().
 */
export function detachPrimary(state: KernelState, device: KernelDevice): void {
  const info = device.info;
  if (info === null) return;
  if (!state.model.pasidTableOutlivesDomain) endBonds(state, device);
  if (!isCarried(state, device)) {
    if (info.pasidTable !== null) tearDownPasidEntry(state, device, 0);
    disableDeviceTlb(device, info);
    clearContext(state, device, info);
  }
  const table = info.pasidTable;
  if (state.model.pasidTableOutlivesDomain) device.keptPasidTable = table;
  else if (table !== null && --table.users === 0) table.release();
  for (const attachment of [...device.attachments]) {
    if (attachment.kind === 'PRIMARY') dropAttachment(state, attachment);
    else if (attachment.kind === 'AUX') leakAttachment(state, attachment);
  }
  dropDomainId(state, info.domain, info.unit);
  device.info = null;
  if (info.auxEnabled || info.svaEnabled) state.changed('FEATURE_DISABLED', device.subject);
}

function step(state: KernelState, device: KernelDevice, line: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof KernelError) state.log.printFor(device, `DMAR: ${line}`);
    throw error;
  }
}

function asBusy(error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  return new KernelError('EBUSY', 'domain_add_dev_info', error.message, error.blockers);
}
