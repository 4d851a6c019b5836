import { orU64, u64, u64FromNumber } from '../../bits/u64.js';
import { packInterruptEntryCacheInvalidation } from '../../layout/invalidation/index.js';
import { GLOBAL, REGISTER } from '../../layout/registers.js';
import { interruptRemappingLines } from '../log/boot-lines.js';
import { type InterruptOptions, interruptOptions } from '../profile/interrupt-options.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { InvalidationRing } from './submit.js';
import type { IntelUnit } from './unit.js';
import { unitSearchOrder } from './unit-lookup.js';

/** Frames of a table of 65536 entries of 16 bytes. Linux: INTR_REMAP_PAGE_ORDER. */
const TABLE_FRAMES = 256;
/** What the size field of IRTA says of such a table: 2^(15+1) entries. Linux: INTR_REMAP_TABLE_REG_SIZE. */
const TABLE_SIZE_CODE = 15;
/** IRTA.EIME: entries hold 32-bit destinations. */
const EXTENDED_MODE = 1 << 11;

/** Whether interrupt messages of devices go through a table, and why not when they do not. */
export interface InterruptRemapping {
  /** Width of the processors' ids in the table; null while nothing is remapped. */
  readonly mode: 'x2apic' | 'xapic' | null;
  /** Entries check who sends. `intremap=nosid` gives that up. */
  readonly checksSourceId: boolean;
  /** One sentence. */
  readonly reason: string;
}

/** Before, or without, a boot. */
export const NO_INTERRUPT_REMAPPING: InterruptRemapping = {
  mode: null,
  checksSourceId: true,
  reason: 'The kernel has not set it up.',
};

/**
 * Sets interrupt remapping up on every unit, or on none: before DMA remapping, and whether or not that is
 * wanted too. Call after the units were found.
 * Linux: intel_prepare_irq_remapping(), intel_enable_irq_remapping().
 */
export function* setUpInterruptRemapping(state: KernelState): Steps<InterruptRemapping> {
  const options = interruptOptions(state.config.commandLine);
  const off = (reason: string): InterruptRemapping => ({
    mode: null,
    checksSourceId: options.checksSourceId,
    reason,
  });
  const { dmar } = state;
  if (dmar === null) return off('There is no DMAR table.');
  if (options.off !== null) return off(`Switched off by ${options.off}.`);
  if (!dmar.interruptRemapping)
    return off('The firmware does not offer it: INTR_REMAP is clear in the DMAR table.');
  const order = unitSearchOrder(dmar);
  const has2apic = state.x2apic && !options.noX2apic;
  const { lines, mode } = interruptRemappingLines(dmar, order, state.units, has2apic, options.ignoresOptOut);
  if (mode === null) {
    lines.forEach((line) => state.log.print(line));
    const without = state.units.filter(({ capabilities }) => !capabilities.IR).map(({ name }) => name);
    return off(`Not supported by ${without.join(', ')} (ECAP.IR is 0).`);
  }
  // The last line says that it works, which is not known yet.
  lines.slice(0, -1).forEach((line) => state.log.print(line));
  const units = order.flatMap((drhd) => state.units.filter((unit) => unit.drhd === drhd));
  for (const unit of units) {
    const failure = setUpUnit(unit, mode === 'x2apic');
    yield;
    if (failure === null) continue;
    for (const line of failure) state.log.print(`DMAR-IR: ${line}`);
    if (has2apic) state.log.print(VULNERABLE);
    return off(`${unit.name} could not be set up: ${failure[0]}.`);
  }
  for (const unit of units) unit.enable(GLOBAL.IRE);
  state.log.print(lines[lines.length - 1]);
  return { mode, checksSourceId: options.checksSourceId, reason: reasonOf(state, mode, options) };
}

/** Linux: intel_cleanup_irq_remapping(). */
const VULNERABLE = 'DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.';

/** What the kernel says when it cannot. Linux: intel_setup_irq_remapping(), iommu_set_irq_remapping(). */
function setUpUnit(unit: IntelUnit, extended: boolean): string[] | null {
  const failed = `Failed to setup irq remapping for ${unit.name}`;
  const { frames, memory } = unit.surroundings;
  const frame = frames.allocateRun(TABLE_FRAMES);
  if (frame === null) return [`IR${unit.sequence}: failed to allocate pages of order 8`, failed];
  if (unit.capabilities.QI) unit.ring ??= InvalidationRing.install(unit);
  if (unit.ring === null) {
    frames.releaseRun(frame, TABLE_FRAMES);
    return ['Failed to enable queued invalidation', failed];
  }
  memory.clearFrames(frame, TABLE_FRAMES);
  unit.interruptTableFrame = frame;
  const low = (extended ? EXTENDED_MODE : 0) | TABLE_SIZE_CODE;
  unit.write64(REGISTER.IRTA, orU64(u64FromNumber(frame * 4096), u64(0, low)));
  unit.strobe(GLOBAL.SIRTP);
  unit.ring.submit(unit, packInterruptEntryCacheInvalidation({ selective: false, index: 0, indexMask: 0 }));
  return null;
}

function reasonOf(state: KernelState, mode: 'x2apic' | 'xapic', options: InterruptOptions): string {
  if (mode === 'x2apic') return 'Offered by the firmware and every unit, with 32-bit destinations.';
  const why = !state.x2apic
    ? 'the processors have 8-bit ids'
    : options.noX2apic
      ? 'nox2apic is on the command line'
      : state.dmar!.x2apicOptOut && !options.ignoresOptOut
        ? 'the firmware opts out of x2apic'
        : `${namesWithoutEim(state)} has no extended mode (ECAP.EIM is 0)`;
  return `Offered by the firmware and every unit, with 8-bit destinations: ${why}.`;
}

function namesWithoutEim(state: KernelState): string {
  return state.units
    .filter(({ capabilities }) => !capabilities.EIM)
    .map(({ name }) => name)
    .join(', ');
}
