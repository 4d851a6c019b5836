import type { Hpa } from '../../bits/address.js';
import type { UnitCapabilities } from '../../layout/capability.js';
import type { HostMemory } from '../../memory/host-memory.js';
import type { TranslationCaches } from '../caches/translation-caches.js';
import type { DmaFault } from '../faults.js';

/**
 * What translation needs of its unit. The unit may change the first two between requests, and then makes its
 * caches forget their routes.
 */
export interface TranslationContext {
  /** GSTS.TES. */
  readonly translationEnabled: boolean;
  /** RTADDR as the last set-root-table-pointer command latched it. */
  readonly rootTable: RootTable;
  readonly memory: HostMemory;
  readonly capabilities: UnitCapabilities;
  readonly hostAddressWidth: number;
  readonly caches: TranslationCaches;
  /** Reports a refused request; returns whether it left a record. */
  recordFault(fault: DmaFault): boolean;
}

/** Spec: VT-d 11.4.5 "Root Table Address Register". */
export interface RootTable {
  readonly address: Hpa;
  /** 0 legacy, 1 scalable, 2 reserved, 3 abort. */
  readonly ttm: number;
  /** Second-stage permissions are bits 61 and 62 instead of 0 and 1. */
  readonly ssirwe: boolean;
}
