import {
  capabilityWord,
  type CapabilityFields,
  extendedCapabilityWord,
  type ExtendedFields,
} from './capability-words.js';
import { request } from './requests.js';
import type { DmaRequest } from '../../../src/hardware/request.js';
import { Bench, FRO, IRO, type UnitOptions } from './unit-builder.js';

/** SID of 00:02.0 and the address every scenario of the legacy fixture asks for. */
export const LEGACY_SID = 0x0010;
export const LEGACY_IOVA = '0x0000004012345678';

interface LegacyOptions extends Partial<UnitOptions> {
  readonly cap?: CapabilityFields;
  readonly ecap?: ExtendedFields;
}

/**
 * Fixture L: one legacy-mode function, 00:02.0, whose four-level table maps one 4 KiB page read-write
 * (root 0x10000, context 0x11000, tables 0x12000 to 0x15000). HAW 39, so address bit 39 is reserved.
 */
export function legacyBench(options: LegacyOptions = {}): Bench {
  const { cap, ecap, ...rest } = options;
  const bench = new Bench({
    capability: capabilityWord({
      ND: 6,
      SAGAW: 0x6,
      MGAW: 47,
      SLLPS: 3,
      FRO,
      NFR: 0,
      MAMV: 18,
      PSI: 1,
      DWD: 1,
      DRD: 1,
      ...cap,
    }),
    extendedCapability: extendedCapabilityWord({ C: 1, QI: 1, DT: 1, PT: 1, IRO, ...ecap }),
    version: 0x10,
    hostAddressWidth: 39,
    ...rest,
  });
  bench.store(0x10000, '0x0000000000011001', '0x0');
  bench.store(0x11100, '0x0000000000012001', '0x0000000000004202');
  bench.store(0x12000, '0x0000000000013003');
  bench.store(0x13800, '0x0000000000014003');
  bench.store(0x14488, '0x0000000000015003');
  bench.store(0x15a28, '0x000000007ABCD003');
  bench.setRootTable('0x0000000000010000');
  bench.enableTranslation();
  return bench;
}

/** A read of the mapped address unless told otherwise. */
export function legacyRequest(
  fields: Partial<Omit<DmaRequest, 'address'>> & { address?: string } = {},
): DmaRequest {
  return request({ sourceId: LEGACY_SID, address: LEGACY_IOVA, ...fields });
}
