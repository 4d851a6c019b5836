import { TRANSLATION_TABLE_MODE } from '../../layout/registers.js';
import type { RootTable } from './context.js';
import type { Rules } from './rules.js';

/**
 * Step 2: what the latched table mode says before any table is read. Returns a fault reason or 0.
 * Spec: VT-d 11.4.5 "Root Table Address Register", field TTM.
 */
export function refusalOfTableMode(rootTable: RootTable, rules: Rules, hasPasid: boolean): number {
  const { ttm, ssirwe } = rootTable;
  if (ttm === TRANSLATION_TABLE_MODE.SCALABLE) return rules.SMTS ? 0 : 0x30;
  if (ttm === TRANSLATION_TABLE_MODE.LEGACY) return ssirwe ? 0x30 : hasPasid ? 0x31 : 0;
  return ttm === TRANSLATION_TABLE_MODE.ABORT && rules.ADMS ? 0x33 : 0x30;
}
