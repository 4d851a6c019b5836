import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { address } from '../steps.js';

export const interruptAfterResume: Scene = {
  name: 'interrupt-after-resume',
  title: 'The I/O APIC signals in the old format after a resume',
  story:
    'A laptop logged one blocked interrupt of f0:1f.0, the I/O APIC, at every resume: firmware had left a pin of it in compatibility format, and remapping was on again before the kernel rewrote the pin.',
  thread: 'https://lore.kernel.org/r/Za5sGzNPQeouiD2b@cae.in-ulm.de',
  machine: desktop,
  kernel: { profile: 'V6_1' },
  steps: [
    {
      says: 'The I/O APIC, which is part of the chipset, signals as firmware left it.',
      command: () => ({
        type: 'signalInterrupt',
        device: '0000:00:1f.0',
        address: address('fee00000'),
        data: 0x30,
        requester: '0000:f0:1f.0',
      }),
    },
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'INTERRUPT_NOT_REMAPPED',
    logLine:
      'DMAR: [INTR-REMAP] Request device [f0:1f.0] fault index 0x0 [fault reason 0x25] Blocked a compatibility format interrupt request',
  },
};
