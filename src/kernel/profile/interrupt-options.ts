/** What the boot command line decides about interrupt remapping. */
export interface InterruptOptions {
  /** The word that switched it off; null while it is on. */
  readonly off: string | null;
  /** Entries check the sender. */
  readonly checksSourceId: boolean;
  /** Firmware that asks for 8-bit processor ids is not listened to. */
  readonly ignoresOptOut: boolean;
  /** The processors are kept to 8-bit ids. */
  readonly noX2apic: boolean;
}

/**
 * Reads `intremap=`, `nointremap` and `nox2apic`; options are matched by prefix, later ones win.
 * Linux: setup_irqremap(), setup_nointremap(), setup_nox2apic().
 */
export function interruptOptions(commandLine: string): InterruptOptions {
  const draft = { off: null as string | null, checksSourceId: true, ignoresOptOut: false, noX2apic: false };
  for (const word of commandLine.split(/\s+/)) {
    if (word === 'nointremap') draft.off = word;
    if (word === 'nox2apic') draft.noX2apic = true;
    if (!word.startsWith('intremap=')) continue;
    for (const option of word.slice('intremap='.length).split(',')) {
      if (option.startsWith('on')) draft.off = null;
      else if (option.startsWith('off')) draft.off = 'intremap=off';
      else if (option.startsWith('nosid')) draft.checksSourceId = false;
      else if (option.startsWith('no_x2apic_optout')) draft.ignoresOptOut = true;
    }
  }
  return draft;
}
