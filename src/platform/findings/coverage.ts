import type { FindingRule } from './finding.js';

/** Whether DMA is remapped at all, and what escapes it. Linux: device_to_iommu(). */
export const coverage: FindingRule = function* ({ kernel, dmar }) {
  if (dmar === null) {
    yield {
      code: 'NO_DMAR_TABLE',
      severity: 'WARNING',
      message: 'The machine has no DMAR table: no device is isolated from memory.',
      subject: null,
      remedy: 'Switch VT-d on in the firmware setup.',
    };
    return;
  }
  if (!kernel.units.some((unit) => unit.translationEnabled)) {
    yield {
      code: 'REMAPPING_OFF',
      severity: 'WARNING',
      message: `The machine has a DMAR table, but DMA is not remapped. ${kernel.scalableModeReason}`,
      subject: null,
      remedy: 'Boot with intel_iommu=on.',
    };
    return;
  }
  for (const unit of kernel.units) {
    if (!unit.ignored) continue;
    yield {
      code: 'UNIT_IGNORED',
      severity: 'INFO',
      message: `${unit.name} translates nothing: ${unit.agaw < 0 ? 'it supports no address width' : 'no device it names is there, or they are graphics only and igfx_off is set'}.`,
      subject: { kind: 'IommuUnit', name: unit.name },
      remedy: null,
    };
  }
  for (const device of kernel.devices.values()) {
    if (device.unit !== null) continue;
    yield {
      code: 'DEVICE_NOT_COVERED',
      severity: 'WARNING',
      message: `No remapping unit covers ${device.name}: no scope names it or a bridge above it, and no unit takes the rest of segment ${device.address.domain.toString(16).padStart(4, '0')}. Its DMA is not translated, and it has no group.`,
      subject: device.subject,
      remedy: null,
    };
  }
};
