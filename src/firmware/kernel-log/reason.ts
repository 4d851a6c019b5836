import { type FaultMode, type FaultReason, faultReason } from '../../layout/fault-reasons.js';

/**
 * The reason in a fault line: hexadecimal with `0x`, decimal without. A code the specification does not
 * define becomes a row that says so. Null when it is no 8-bit number.
 */
export function readReason(text: string): FaultReason | null {
  const match = /^(?:0x([0-9a-f]{1,2})|(\d{1,3}))$/i.exec(text);
  if (!match) return null;
  const code = match[1] === undefined ? Number(match[2]) : parseInt(match[1], 16);
  if (code > 0xff) return null;
  return faultReason(code) ?? undefinedReason(code);
}

/** Linux prints `Unknown` too. The ranges are those in which the specification defines codes. */
function undefinedReason(code: number): FaultReason {
  const mode: FaultMode = code < 0x20 ? 'LEGACY' : code < 0x30 ? 'INTERRUPT_REMAPPING' : 'SCALABLE';
  return { code, mnemonic: '', text: 'Unknown', mode, isKnownToKernel: false, qualified: false };
}
