import type { Steps } from '../../kernel/steps.js';
import type { Command } from '../command.js';
import type { Platform } from '../platform.js';
import { DEVICE_VERBS, type DeviceResults } from './device.js';
import { DOMAIN_VERBS, type DomainResults } from './domain.js';
import { HARDWARE_VERBS, type HardwareResults } from './hardware.js';
import { MDEV_VERBS, type MdevResults } from './mdev.js';
import { REQUEST_VERBS, type RequestResults } from './request.js';
import { SLOT_VERBS, type SlotResults } from './slot.js';
import type { Verb } from './verb.js';
import { VFIO_VERBS, type VfioResults } from './vfio.js';

/** What each command gives back when it succeeds. */
export interface VerbResults
  extends
    DeviceResults,
    SlotResults,
    MdevResults,
    DomainResults,
    VfioResults,
    RequestResults,
    HardwareResults {}

const VERBS: { readonly [T in Command['type']]: Verb<T, VerbResults[T]> } = {
  ...DEVICE_VERBS,
  ...SLOT_VERBS,
  ...MDEV_VERBS,
  ...DOMAIN_VERBS,
  ...VFIO_VERBS,
  ...REQUEST_VERBS,
  ...HARDWARE_VERBS,
};

/** Looks up what a command names and returns the work, not yet done; calling that does it or gives its steps. */
export function prepare(
  platform: Platform,
  command: Command,
): () => VerbResults[Command['type']] | Steps<VerbResults[Command['type']]> {
  const verb = VERBS[command.type] as Verb<Command['type'], VerbResults[Command['type']]>;
  return verb(platform, command);
}
