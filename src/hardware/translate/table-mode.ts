import { TRANSLATION_TABLE_MODE } from '../../layout/registers.js';
import type { TranslationContext } from './context.js';

/**
 * Step 2: what the latched table mode says before any table is read. Returns a fault reason or 0.
 * Spec: VT-d 11.4.5 "Root Table Address Register", field TTM.
 */
export function refusalOfTableMode(unit: TranslationContext, hasPasid: boolean): number {
  const { ttm, ssirwe } = unit.rootTable;
  if (ttm === TRANSLATION_TABLE_MODE.SCALABLE) return unit.capabilities.SMTS ? 0 : 0x30;
  if (ttm === TRANSLATION_TABLE_MODE.LEGACY) return ssirwe ? 0x30 : hasPasid ? 0x31 : 0;
  return ttm === TRANSLATION_TABLE_MODE.ABORT && unit.capabilities.ADMS ? 0x33 : 0x30;
}
