import { type U64, u64ToNumber } from '../bits/u64.js';
import type { UnitCapabilities } from '../layout/capability.js';
import {
  type InterruptEntryWords,
  SOURCE_VALIDATION,
  hasReservedInterruptEntryBits,
  isPosted,
  parseInterruptEntry,
  postedDescriptorAddress,
} from '../layout/irte.js';
import {
  hasReservedMessageData,
  interruptIndexOf,
  isRemappableFormat,
  parseRemappableMessage,
} from '../layout/remappable-message.js';
import type { HostMemory } from '../memory/host-memory.js';
import type { InterruptEntryCache } from './caches/interrupt-entry-cache.js';
import { type Posting, postInterrupt } from './posted-interrupts.js';

/** What became of a message-signalled interrupt. */
export type InterruptResult = InterruptDelivery | InterruptPosted | InterruptBlocked;

export interface InterruptDelivery {
  readonly kind: 'DELIVERED';
  /** Index in the remapping table; null for a message that passed as it was. */
  readonly index: number | null;
  readonly vector: number;
  /** APIC id: 8 bits, or 32 in extended mode. */
  readonly destination: number;
}

/** Put into a posted-interrupt descriptor. */
export interface InterruptPosted {
  readonly kind: 'POSTED';
  readonly index: number;
  /** The vector set in the descriptor. */
  readonly vector: number;
  readonly notified: { readonly vector: number; readonly destination: number } | null;
}

export interface InterruptBlocked {
  readonly kind: 'BLOCKED';
  readonly reason: number;
  readonly recorded: boolean;
}

/** The interrupt remapping table as latched by SIRTP. */
export interface InterruptTable {
  readonly base: number;
  readonly entries: number;
  /** EIME: x2APIC destinations. */
  readonly extended: boolean;
}

/** What remapping an interrupt needs of the unit. */
export interface InterruptHost {
  readonly capabilities: UnitCapabilities;
  readonly memory: HostMemory;
  readonly interruptEntries: InterruptEntryCache;
  readonly interruptTable: InterruptTable;
  /** IRES. */
  readonly isInterruptRemappingEnabled: boolean;
  /** CFIS. */
  readonly passesCompatibilityFormat: boolean;
  /** Records a fault unless it is suppressed; says whether a record was made. */
  interruptFault(sourceId: number, index: number, reason: number, suppressed: boolean): boolean;
}

/** Fault reasons of interrupt requests. Spec: VT-d 5.1.4 "Interrupt-Remapping Hardware Operation". */
export const INTERRUPT_FAULT = {
  RESERVED_IN_REQUEST: 0x20,
  INDEX_BEYOND_TABLE: 0x21,
  NOT_PRESENT: 0x22,
  ENTRY_ACCESS: 0x23,
  ENTRY_RESERVED: 0x24,
  COMPATIBILITY_BLOCKED: 0x25,
  SOURCE_ID: 0x26,
  POSTED_DESCRIPTOR_ACCESS: 0x27,
  POSTED_DESCRIPTOR_RESERVED: 0x28,
  NOT_AN_INTERRUPT: 0x29,
  EXTENDED_MODE_REQUIRED: 0x2a,
  REMAPPING_REQUIRED: 0x2b,
} as const;

/**
 * Remaps one message. In order: compatibility format, the request's own bits, the index, the entry's fetch,
 * presence, who may use it, and last how it is programmed.
 * Spec: VT-d 5.1.4 "Interrupt-Remapping Hardware Operation".
 */
export function remapInterrupt(
  host: InterruptHost,
  sourceId: number,
  address: U64,
  data: number,
): InterruptResult {
  const { capabilities: c, interruptTable: table } = host;
  const refuse = (reason: number, index = 0, suppressed = false): InterruptBlocked => ({
    kind: 'BLOCKED',
    reason,
    recorded: host.interruptFault(sourceId, index, reason, suppressed),
  });
  if (!host.isInterruptRemappingEnabled) {
    return c.IRREQ ? refuse(INTERRUPT_FAULT.REMAPPING_REQUIRED) : compatibility(address, data);
  }
  if (c.EIMER && !table.extended) return refuse(INTERRUPT_FAULT.EXTENDED_MODE_REQUIRED);
  if (!isRemappableFormat(address)) {
    const blocked = table.extended || !host.passesCompatibilityFormat;
    return blocked ? refuse(INTERRUPT_FAULT.COMPATIBILITY_BLOCKED) : compatibility(address, data);
  }
  const message = parseRemappableMessage(address, data);
  const index = interruptIndexOf(message);
  if (hasReservedMessageData(message, data)) return refuse(INTERRUPT_FAULT.RESERVED_IN_REQUEST, index);
  if (index >= table.entries) return refuse(INTERRUPT_FAULT.INDEX_BEYOND_TABLE, index);
  const words = host.interruptEntries.lookup(index) ?? fetchEntry(host, index);
  if (words === null) return refuse(INTERRUPT_FAULT.ENTRY_ACCESS, index);
  const entry = parseInterruptEntry(words);
  const fpd = entry.faultProcessingDisabled;
  if (!entry.present) return refuse(INTERRUPT_FAULT.NOT_PRESENT, index, fpd);
  if (!sourceMatches(words, sourceId)) return refuse(INTERRUPT_FAULT.SOURCE_ID, index, fpd);
  const posted = isPosted(words);
  if (hasReservedInterruptEntryBits(words, table.extended) || (posted && !c.PI)) {
    return refuse(INTERRUPT_FAULT.ENTRY_RESERVED, index, fpd);
  }
  host.interruptEntries.insert(index, words);
  if (posted) {
    const outcome = postInterrupt(host.memory, posting(words, table.extended));
    return typeof outcome === 'number'
      ? refuse(outcome, index, fpd)
      : { kind: 'POSTED', index, vector: entry.vector, notified: outcome.notified };
  }
  const destination = table.extended ? entry.destination : (entry.destination >>> 8) & 0xff;
  return { kind: 'DELIVERED', index, vector: entry.vector, destination };
}

/** A message that means what the processor reads in it. */
function compatibility(address: U64, data: number): InterruptDelivery {
  return {
    kind: 'DELIVERED',
    index: null,
    vector: data & 0xff,
    destination: (address.lo >>> 12) & 0xff,
  };
}

function fetchEntry(host: InterruptHost, index: number): InterruptEntryWords | null {
  const address = host.interruptTable.base + index * 16;
  if (!host.memory.isReadable(Math.floor(address / 4096))) return null;
  return [host.memory.load64(address), host.memory.load64(address + 8)];
}

/** Low source-id bits left out of the comparison, by SQ. */
const QUALIFIER_MASKS = [0xffff, 0xfffb, 0xfff9, 0xfff8];

/** Spec: VT-d 9.10 "Interrupt Remapping Table Entry (IRTE) for Remapped Interrupts", fields SVT, SQ and SID. */
function sourceMatches(words: InterruptEntryWords, sourceId: number): boolean {
  const entry = parseInterruptEntry(words);
  switch (entry.sourceValidation) {
    case SOURCE_VALIDATION.NONE:
      return true;
    case SOURCE_VALIDATION.SOURCE_ID: {
      const mask = QUALIFIER_MASKS[entry.sourceIdQualifier];
      return (entry.sourceId & mask) === (sourceId & mask);
    }
    case SOURCE_VALIDATION.BUS_RANGE: {
      const bus = sourceId >>> 8;
      return bus >= entry.sourceId >>> 8 && bus <= (entry.sourceId & 0xff);
    }
    default:
      return false;
  }
}

function posting(words: InterruptEntryWords, extended: boolean): Posting {
  const address = postedDescriptorAddress(words);
  return {
    address: u64ToNumber(address),
    vector: (words[0].lo >>> 16) & 0xff,
    urgent: (words[0].lo & 0x4000) !== 0,
    extended,
  };
}
