import type { KernelState } from '../state.js';

/**
 * Whether interrupt messages of devices go through a table: the firmware allows it, every unit can do it
 * and has the queue it needs, and nobody switched it off.
 * Linux: intel_prepare_irq_remapping(), setup_irqremap().
 */
export function remapsInterrupts(state: KernelState): boolean {
  if (state.dmar === null || !state.dmar.interruptRemapping || state.units.length === 0) return false;
  if (isSwitchedOff(state.config.commandLine)) return false;
  return state.units.every(({ capabilities }) => capabilities.IR && capabilities.QI);
}

function isSwitchedOff(commandLine: string): boolean {
  let off = false;
  for (const word of commandLine.split(/\s+/)) {
    if (word === 'nointremap') off = true;
    if (!word.startsWith('intremap=')) continue;
    for (const option of word.slice('intremap='.length).split(',')) {
      if (option.startsWith('off')) off = true;
      else if (option.startsWith('on')) off = false;
    }
  }
  return off;
}
