import type { U64 } from '../../bits/u64.js';
import type { EntryBlock } from '../intel/interrupt-entries.js';
import type { IntelUnit } from '../intel/unit.js';
import type { ProcessorVector } from './processor-vectors.js';

export type InterruptKind = 'MSI' | 'MSI_X';

/** One message-signalled interrupt of a device. */
export interface DeviceInterrupt {
  /** From 0. */
  readonly number: number;
  readonly kind: InterruptKind;
  /** What the device writes, and where. */
  readonly address: U64;
  /** 32 bits. */
  readonly data: number;
  /** Where it arrives. */
  readonly target: ProcessorVector;
  /** Its entry of a remapping table; null where the message passes as it is. */
  readonly entry: { readonly unit: IntelUnit; readonly index: number } | null;
  /** The block the entry is of, with the first interrupt of it. */
  readonly block: EntryBlock | null;
}
