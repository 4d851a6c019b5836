import {
  capabilityWord,
  type CapabilityFields,
  extendedCapabilityWord,
  type ExtendedFields,
} from './capability-words.js';
import { request } from './requests.js';
import type { DmaRequest } from '../../../src/hardware/request.js';
import { Bench, FRO, IRO, type UnitOptions } from './unit-builder.js';

/** 6a:01.0, 6a:10.0 and the address the first-stage scenarios ask for. */
export const LOWER_SID = 0x6a08;
export const UPPER_SID = 0x6a80;
export const VIRTUAL_ADDRESS = '0x00007F1234567890';

interface ScalableOptions extends Partial<UnitOptions> {
  readonly cap?: CapabilityFields;
  readonly ecap?: ExtendedFields;
}

/**
 * Fixture S: bus 0x6a in scalable mode. PASIDs of 6a:01.0: 0 second-stage (RID_PASID), 5 first-stage,
 * 6 nested, 7 pass-through, 0x47 second-stage with tables of its own. HAW 39.
 *
 * PWSNP (bit 87) is set in the first-stage and nested entries, on a unit with SMPWCS: without it the
 * accessed-bit update of a first-stage walk is itself a fault (0x90), and no such request could succeed.
 */
export function scalableBench(options: ScalableOptions = {}): Bench {
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
      FL1GP: 1,
      ...cap,
    }),
    extendedCapability: extendedCapabilityWord({
      C: 1,
      QI: 1,
      DT: 1,
      IR: 1,
      EIM: 1,
      PT: 1,
      IRO,
      MHMV: 15,
      NEST: 1,
      PRS: 1,
      SRS: 1,
      PSS: 0x13,
      PASID: 1,
      PDS: 1,
      SMTS: 1,
      SLTS: 1,
      FLTS: 1,
      SMPWCS: 1,
      RPS: 1,
      ...ecap,
    }),
    version: 0x50,
    hostAddressWidth: 39,
    ...rest,
  });
  bench.store(0x206a0, '0x0000000000021001', '0x0000000000022001');
  bench.store(0x21100, '0x0000000000030009', '0x0', '0x0', '0x0');
  bench.store(0x22000, '0x0000000000030009', '0x0', '0x0', '0x0');
  bench.store(0x30000, '0x0000000000031001', '0x0000000000032001');
  bench.store(0x31000, '0x0000000000040089', '0x0000000000000010');
  bench.store(0x31140, '0x0000000000000049', '0x0000000000800020', '0x0000000000050020');
  bench.store(0x31180, '0x00000000000400C9', '0x0000000000800030', '0x0000000000001020');
  bench.store(0x311c0, '0x0000000000000109', '0x0000000000000001');
  bench.store(0x321c0, '0x0000000000060089', '0x0000000000000077');
  storeSecondStage(bench);
  storeFirstStage(bench);
  bench.setRootTable('0x0000000000020400');
  bench.enableTranslation();
  return bench;
}

function storeSecondStage(bench: Bench): void {
  bench.store(0x40000, '0x0000000000041003');
  bench.store(0x41000, '0x0000000000042003');
  bench.store(0x42000, '0x0000000000043003');
  bench.store(
    0x43008,
    '0x0000000000090003',
    '0x0000000000091003',
    '0x0000000000092003',
    '0x0000000000093003',
    '0x000000000ABC5003',
  );
  bench.store(0x60000, '0x0000000000061003');
  bench.store(0x61000, '0x0000000000062003');
  bench.store(0x62000, '0x0000000000063003');
  bench.store(0x63028, '0x000000000BCD5003');
}

/** Entries of {@link VIRTUAL_ADDRESS}: indices 0xFE, 0x48, 0x1A2, 0x167; for PASID 6 the pointers are GPAs. */
function storeFirstStage(bench: Bench): void {
  bench.store(FIRST_STAGE.level4, '0x0000000000051007');
  bench.store(FIRST_STAGE.level3, '0x0000000000052007');
  bench.store(FIRST_STAGE.level2, '0x0000000000053007');
  bench.store(FIRST_STAGE.leaf, '0x000000000DEF0007');
  bench.store(0x90000 + 8 * 0xfe, '0x0000000000002007');
  bench.store(0x91000 + 8 * 0x48, '0x0000000000003007');
  bench.store(0x92000 + 8 * 0x1a2, '0x0000000000004007');
  bench.store(0x93000 + 8 * 0x167, '0x0000000000005007');
}

/** Addresses of the entries that map {@link VIRTUAL_ADDRESS} for PASID 5. */
export const FIRST_STAGE = {
  level4: 0x50000 + 8 * 0xfe,
  level3: 0x51000 + 8 * 0x48,
  level2: 0x52000 + 8 * 0x1a2,
  leaf: 0x53000 + 8 * 0x167,
} as const;

/** A read by 6a:01.0 unless told otherwise. */
export function scalableRequest(
  fields: Partial<Omit<DmaRequest, 'address'>> & { address: string },
): DmaRequest {
  return request({ sourceId: LOWER_SID, ...fields });
}
