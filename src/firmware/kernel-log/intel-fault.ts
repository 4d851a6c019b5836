import { type PciAddress, parsePciAddress } from '../../bits/pci-address.js';
import { parseHex } from '../../bits/u64.js';
import type { Reading } from './decoded-line.js';
import { readReason } from './reason.js';

/** Kernels before 4.3 wrote `dmar: ` in front, and some before that nothing. */
const PREFIX = '^(?:dmar: ?)?(?:DMAR: ?)?';
const DEVICE = '\\[{1,2}([0-9a-fx:.]{1,20})\\]';
const DMA = new RegExp(
  `${PREFIX}\\[DMA (Read|Write)(?: (NO_PASID|PASID 0x[0-9a-f]{1,8}))?\\] Request device ${DEVICE}` +
    '(?: PASID ([0-9a-f]{1,8}))? fault addr (?:0x)?([0-9a-f]{1,16})(?: (.*)|$)',
);
const INTERRUPT = new RegExp(
  `${PREFIX}(?:\\[INTR-REMAP\\]|INTR-REMAP:) Request device ${DEVICE} fault index (?:0x)?([0-9a-f]{1,16})(?: (.*)|$)`,
);
const STATUS = new RegExp(`${PREFIX}DRHD: handling fault status reg (?:0x)?[0-9a-f]{1,8}\\]?$`);
const REASON = /^\[fault reason ([0-9a-fx]{1,10})\](?: |$)/i;
/** Second line of a fault in kernels before 4.3. */
const REASON_LINE = /^(?:DMAR: ?|INTR-REMAP: ?)?(\[fault reason .*)$/;
const LOOKS_LIKE_FAULT =
  /\bfault (?:addr|index|reason) |\bRequest device \[|\bfault status reg\b|^DMAR: ?(?:fault\b|\[(?:DMA|INTR-REMAP)\b)/i;
const OURS = /\b(?:DMAR|dmar|INTR-REMAP|DRHD)\b/;

/** All ones where the request had no PASID; the kernel prints -1 as unsigned. */
const ABSENT = 'ffffffff';
const LARGEST_PASID = 0xfffff;

/** A line of an Intel unit's fault; null when the message is about something else. Linux: dmar_fault(). */
export function readIntelFault(message: string): Reading | null {
  if (!OURS.test(message)) return null;
  if (STATUS.test(message)) return { kind: 'FAULT_STATUS' };
  const fault = readDma(message) ?? readInterrupt(message);
  if (fault) return fault;
  const alone = reasonLineOf(message);
  if (alone === null && !LOOKS_LIKE_FAULT.test(message)) return null;
  return { kind: 'UNPARSED_FAULT', reason: alone === null ? null : reasonIn(alone) };
}

/** Whether the message is a fault whose reason has to follow in the next line. */
export function lacksReason(message: string): boolean {
  const match = DMA.exec(message) ?? INTERRUPT.exec(message);
  return match !== null && (match.at(-1) ?? '').trim() === '';
}

/** The `[fault reason ...` part of a message that is nothing else; null for any other. */
export function reasonLineOf(message: string): string | null {
  return REASON_LINE.exec(message)?.[1] ?? null;
}

function readDma(message: string): Reading | null {
  const match = DMA.exec(message);
  if (!match) return null;
  const [, verb, bracketed, device, field, address, rest] = match;
  const pasid = bracketed?.startsWith('PASID ') ? bracketed.slice(8) : field;
  const number = pasid === undefined || pasid === ABSENT ? null : parseInt(pasid, 16);
  return faultOf('DMA_FAULT', device, rest, {
    pasid: number,
    address: parseHex(address),
    access: verb === 'Read' ? 'READ' : 'WRITE',
  });
}

function readInterrupt(message: string): Reading | null {
  const match = INTERRUPT.exec(message);
  if (!match) return null;
  const [, device, index, rest] = match;
  return faultOf('INTERRUPT_FAULT', device, rest, { address: parseHex(index) });
}

/** What was read of a fault; of kind UNPARSED_FAULT when a part of it cannot be so. */
function faultOf(
  kind: 'DMA_FAULT' | 'INTERRUPT_FAULT',
  device: string,
  rest: string | undefined,
  fields: Omit<Reading, 'kind'>,
): Reading {
  const sourceId = deviceOf(device);
  const reason = reasonIn(rest ?? '');
  const pasid = fields.pasid ?? null;
  const isWhole = sourceId !== null && reason !== null && (pasid === null || pasid <= LARGEST_PASID);
  return {
    ...fields,
    kind: isWhole ? kind : 'UNPARSED_FAULT',
    sourceId,
    reason,
    pasid: pasid !== null && pasid > LARGEST_PASID ? null : pasid,
  };
}

function reasonIn(text: string) {
  const match = REASON.exec(text.trim());
  return match ? readReason(match[1]) : null;
}

/** `00:02.0`, or `0x00:0x02.0` as one interim form has it. */
function deviceOf(text: string): PciAddress | null {
  return parsePciAddress(text.replace(/0x/g, ''));
}
