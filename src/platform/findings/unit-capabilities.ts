import type { UnitCapabilities } from '../../layout/capability.js';
import type { IntelUnit } from '../../kernel/intel/unit.js';
import type { FindingRule } from './finding.js';

interface Shared {
  readonly code: string;
  readonly what: string;
  readonly of: (capabilities: UnitCapabilities) => number;
  /** What the driver makes of a difference. */
  readonly consequence: string;
}

/** What the driver wants of every active unit. Linux: scalable_mode_support(), iommu_pasid_support(), intel_cap_audit(). */
const SHARED: readonly Shared[] = [
  {
    code: 'SCALABLE_MODE_INCONSISTENT',
    what: 'scalable mode (ECAP.SMTS)',
    of: ({ SMTS }) => Number(SMTS),
    consequence:
      'One unit without it is enough: scalable mode counts as unsupported, AUX features are off and the subdevice operations are not registered.',
  },
  {
    code: 'PASID_INCONSISTENT',
    what: 'PASIDs (ECAP.PASID)',
    of: ({ PASID }) => Number(PASID),
    consequence: 'One unit without it is enough: PASIDs count as unsupported on all of them.',
  },
  {
    code: 'PASID_WIDTH_INCONSISTENT',
    what: 'the width of PASIDs (ECAP.PSS)',
    of: ({ PASID, PSS }) => (PASID ? PSS : -1),
    consequence: 'The narrowest decides how many PASIDs there are.',
  },
  {
    code: 'PASS_THROUGH_INCONSISTENT',
    what: 'pass-through (ECAP.PT)',
    of: ({ PT }) => Number(PT),
    consequence: 'Identity domains are made of real tables on all of them.',
  },
];

/** Capabilities that differ between units, and modes that are off because of it or of the command line. */
export const unitCapabilities: FindingRule = function* ({ kernel, dmar }) {
  const active = kernel.units.filter((unit) => !unit.ignored);
  for (const { code, what, of, consequence } of SHARED) {
    const most = Math.max(...active.map(({ capabilities }) => of(capabilities)));
    const lacking = active.filter(({ capabilities }) => of(capabilities) < most);
    if (lacking.length === 0) continue;
    yield {
      code,
      severity: 'WARNING',
      message: `Units differ in ${what}: ${namesOf(lacking)} ${lacking.length === 1 ? 'has' : 'have'} less than the rest. ${consequence}`,
      subject: { kind: 'IommuUnit', name: lacking[0].name },
      remedy: null,
    };
  }
  if (dmar === null) return;
  if (!kernel.scalableMode && active.length > 0) {
    yield {
      code: 'SCALABLE_MODE_OFF',
      severity: 'INFO',
      message: `Scalable mode is off. ${kernel.scalableModeReason}`,
      subject: null,
      remedy: active.every(({ capabilities }) => capabilities.SMTS)
        ? 'Boot with intel_iommu=on,sm_on.'
        : null,
    };
  }
  if (kernel.interruptRemapping.mode === null && active.length > 0) {
    yield {
      code: 'INTERRUPT_REMAPPING_OFF',
      severity: 'WARNING',
      message: `Interrupts are not remapped: a device given to user space could send any interrupt, so VFIO refuses it (EPERM). ${kernel.interruptRemapping.reason}`,
      subject: null,
      remedy: dmar.interruptRemapping
        ? 'Boot without intremap=off, or accept the risk with vfio_iommu_type1.allow_unsafe_interrupts=1.'
        : 'Switch interrupt remapping on in the firmware setup.',
    };
  }
};

function namesOf(units: readonly IntelUnit[]): string {
  return units.map(({ name }) => name).join(', ');
}
