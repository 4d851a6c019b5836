import { toHexDigits, u64FromNumber, u64FromPfn } from '../../bits/u64.js';
import { KernelError } from '../errno.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { unsafe } from '../unsafe.js';
import type { IntelUnit } from './unit.js';

/** The unit that serves a device. Linux: device_to_iommu(). */
export function unitOf(device: KernelDevice, mirrors: string): IntelUnit {
  if (device.unit !== null) return device.unit;
  throw new KernelError('ENODEV', mirrors, `No remapping unit serves ${device.name}.`, [
    {
      code: 'NO_UNIT',
      message: `The DMAR table assigns ${device.name} to no unit that translates.`,
      subject: device.subject,
      remedy: null,
    },
  ]);
}

/**
 * Fits a domain to a unit: its address width becomes the unit's, and table levels the unit does not walk
 * are taken off the top. Linux: prepare_domain_attach_device().
 */
export function prepareDomain(state: KernelState, domain: Domain, device: KernelDevice): void {
  const unit = unitOf(device, 'prepare_domain_attach_device');
  const width = unit.addressWidth;
  if (domain.highestMappedEnd > 2 ** (width - 12)) {
    const mapped = toHexDigits(u64FromPfn(domain.highestMappedEnd));
    state.log.printFor(
      device,
      `DMAR: prepare_domain_attach_device: iommu width (${width}) is not sufficient for the mapped address (${mapped})`,
    );
    throw new KernelError(
      'EFAULT',
      'prepare_domain_attach_device',
      `Domain ${domain.number} has mappings up to 0x${mapped}, but ${unit.name} translates ${width} bits.`,
      [
        {
          code: 'ADDRESS_WIDTH',
          message: `Mappings of domain ${domain.number} end above ${width} bits.`,
          subject: domain.subject,
          remedy: `Unmap everything at or above 0x${toHexDigits(u64FromNumber(2 ** width))} first.`,
        },
      ],
    );
  }
  domain.addressWidth = width;
  while (unit.agaw + 2 < domain.levels) domain.table.dropTopLevel();
}

/**
 * Taking a level off frees the root that entries of earlier attachments still point to. Where units pass
 * requests through by themselves, no entry points to the identity domain's tables.
 */
export function requireNoLevelDrop(state: KernelState, domain: Domain, unit: IntelUnit): void {
  if (domain.levels <= unit.agaw + 2 || domain.attachments.every((each) => each.leaked)) return;
  if (domain.type === 'IDENTITY' && state.hardwarePassThrough) return;
  throw unsafe(
    'prepare_domain_attach_device',
    `${unit.name} walks ${unit.agaw + 2} levels, domain ${domain.number} has ${domain.levels}: the driver would free the root table that its present attachments use.`,
    'Attach the domain to the unit with fewer levels first.',
  );
}
