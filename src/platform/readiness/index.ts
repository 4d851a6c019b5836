import type { Check, ReadinessItem, Subject } from './item.js';
import { atsChecks, pageRequestChecks, pasidChecks, sharedMemoryChecks } from './pasid.js';
import { interruptChecks, remappingChecks } from './remapping.js';
import { passthroughChecks, subdeviceChecks } from './user-space.js';

export type { ReadinessItem, ReadinessState } from './item.js';

/** What somebody may want to do with a device. */
export type ReadinessFeature =
  | 'DMA_REMAPPING'
  | 'INTERRUPT_REMAPPING'
  | 'PASSTHROUGH'
  | 'SUBDEVICES'
  | 'PASID'
  | 'ATS'
  | 'PAGE_REQUESTS'
  | 'SHARED_MEMORY';

const CHECKS: Readonly<Record<ReadinessFeature, readonly Check[]>> = {
  DMA_REMAPPING: remappingChecks,
  INTERRUPT_REMAPPING: interruptChecks,
  PASSTHROUGH: passthroughChecks,
  SUBDEVICES: subdeviceChecks,
  PASID: [...remappingChecks, ...pasidChecks],
  ATS: [...remappingChecks, ...atsChecks],
  PAGE_REQUESTS: [...remappingChecks, ...pageRequestChecks],
  SHARED_MEMORY: [...remappingChecks, ...sharedMemoryChecks],
};

/** Every condition of a use of a device, in the order one would look at them. */
export function readinessOf(subject: Subject, feature: ReadinessFeature): ReadinessItem[] {
  return CHECKS[feature].map((check) => check(subject));
}
