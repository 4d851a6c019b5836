import { attachments } from './attachments.js';
import { coverage } from './coverage.js';
import type { Finding, FindingRule, Inspected, Severity } from './finding.js';
import { firmware } from './firmware.js';
import { hardwareState } from './hardware-state.js';
import { parentTranslation } from './parent-translation.js';
import { reservedMemory } from './reserved-memory.js';
import { sharedPasids } from './shared-pasids.js';
import { sharedStorage } from './shared-storage.js';
import { subdevices } from './subdevices.js';
import { unitCapabilities } from './unit-capabilities.js';

export type { Finding, Inspected, Severity } from './finding.js';

const RULES: readonly FindingRule[] = [
  parentTranslation,
  hardwareState,
  attachments,
  sharedPasids,
  firmware,
  coverage,
  unitCapabilities,
  reservedMemory,
  sharedStorage,
  subdevices,
];

const WEIGHT: Readonly<Record<Severity, number>> = { ERROR: 0, WARNING: 1, INFO: 2 };

/** Everything worth telling about a machine as it is now, the gravest first. */
export function findingsOf(inspected: Inspected): Finding[] {
  return RULES.flatMap((rule) => [...rule(inspected)]).sort(
    (a, b) => WEIGHT[a.severity] - WEIGHT[b.severity],
  );
}
