import type { LspciRecord } from './records.js';

const REGION = /^\s+Region ([0-5]): (Memory|I\/O ports) at ([0-9a-f]{1,16})\b(.*)$/;
const IO = 1;
const MEMORY_64 = 4;
const PREFETCHABLE = 8;

/** Raw base address registers from `Region N:` lines. Spec: PCI Local Bus 6.2.5 "Base Addresses". */
export function baseAddressesOf(record: LspciRecord): number[] {
  const registers = [0, 0, 0, 0, 0, 0];
  for (const { text } of record.details) {
    // The regions below a capability are those of virtual functions.
    if (/^\s+Capabilities: /.test(text)) break;
    const match = REGION.exec(text);
    // A virtual region is one the kernel knows of while the register reads as zero.
    if (!match || match[4].includes('[virtual]')) continue;
    const index = Number(match[1]);
    const digits = match[3].padStart(16, '0');
    const low = parseInt(digits.slice(8), 16);
    if (match[2] !== 'Memory') {
      registers[index] = (low | IO) >>> 0;
      continue;
    }
    const is64Bit = match[4].includes('64-bit');
    const prefetchable = match[4].includes('non-prefetchable') ? 0 : PREFETCHABLE;
    registers[index] = (low | prefetchable | (is64Bit ? MEMORY_64 : 0)) >>> 0;
    if (is64Bit && index < 5) registers[index + 1] = parseInt(digits.slice(0, 8), 16);
  }
  return registers;
}
