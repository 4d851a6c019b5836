import type { IntelUnit } from '../../kernel/intel/unit.js';
import { InvalidInputError } from '../errors.js';
import type { Platform } from '../platform.js';
import { domainTranslations } from './domain-translation.js';
import { interruptTable } from './interrupt-table.js';
import { invalidationQueue } from './invalidation-queue.js';
import { regset } from './regset.js';
import { translationStructures } from './translation.js';

/** Files of /sys/kernel/debug/iommu/intel that are shown, by name. */
const FILES: Readonly<Record<string, (unit: IntelUnit, platform: Platform) => string>> = {
  iommu_regset: (unit, platform) => regset(unit, platform.kernel.config.profile),
  dmar_translation_struct: translationStructures,
  domain_translation_struct: domainTranslations,
  invalidation_queue: invalidationQueue,
  ir_translation_struct: interruptTable,
};

/** Names of the files. */
export const DEBUGFS_FILES: readonly string[] = Object.keys(FILES);

/**
 * What a debugfs file says of one unit; empty for a unit the driver leaves alone, as the kernel skips those.
 * @throws InvalidInputError for a name that is not in {@link DEBUGFS_FILES}.
 * Linux: intel_iommu_debugfs_init().
 */
export function debugfsText(platform: Platform, unit: IntelUnit, file: string): string {
  if (!Object.hasOwn(FILES, file)) {
    const message = `There is no debugfs file "${file}"; there are ${DEBUGFS_FILES.join(', ')}.`;
    throw new InvalidInputError(['file'], message);
  }
  return unit.ignored ? '' : FILES[file](unit, platform);
}
