import { legacyDesktop } from './legacy-desktop/index.js';
import type { MachineTemplate } from './machine-template.js';
import { sapphireRapids } from './sapphire-rapids/index.js';
import { twoVendors } from './two-vendors/index.js';

export type { MachineTemplate } from './machine-template.js';

/** Every template, the one most people want first. */
export const templates: readonly MachineTemplate[] = [sapphireRapids, legacyDesktop, twoVendors];
