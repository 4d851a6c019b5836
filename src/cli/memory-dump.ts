import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type U64, field, u64, u64FromNumber } from '../bits/u64.js';
import { RemappingUnit } from '../hardware/index.js';
import { GLOBAL, GLOBAL_COMMAND_MASK, REGISTER } from '../layout/registers.js';
import { DumpMemory, type DumpPage } from './dump-memory.js';
import { parseNumber } from './numbers.js';

const TABLES = 'tables.json';
const PAGES = 'tables.bin.gz';
const PAGE_BYTES = 4096;
/** Address bits an entry of any table has room for. */
const MOST_ADDRESS_BITS = 52;

/** A directory that is no dump of a unit; the message says which file and what about it. */
export class DumpError extends Error {}

/** A unit as it stood when the dump was taken, over the table pages that were kept. */
export interface MemoryDump {
  readonly unit: RemappingUnit;
  readonly memory: DumpMemory;
  readonly hostAddressWidth: number;
  readonly translationEnabled: boolean;
}

/**
 * Reads a dump: `tables.json` with the registers and the list of pages, `tables.bin.gz` with the pages one
 * after the other.
 *
 * A dump does not say how many bits a host address has. `host_address_width` in `tables.json` may; without
 * it the unit's guest width is taken, or what the highest page needs, whichever is more. Bits above it are
 * reserved in every entry.
 */
export function readMemoryDump(directory: string): MemoryDump {
  const tables = readTables(directory);
  const registers = readRegisters(tables.regs);
  const pages = readPages(directory, tables.pages);
  const memory = DumpMemory.of(pages);
  const hostAddressWidth = widthOf(tables.host_address_width, registers, pages);
  const unit = new RemappingUnit({
    name: 'dmar0',
    segment: 0,
    memory,
    version: registers.VER.lo,
    capability: registers.CAP,
    extendedCapability: registers.ECAP,
    registerBase: u64(0, 0),
    hostAddressWidth,
    events: { push: () => undefined },
    bus: { sendMessage: () => undefined, deviceTlb: () => null, deviceTlbs: () => [] },
  });
  // The root table pointer takes effect when it is latched. Spec: VT-d 11.4.5 "Root Table Address Register".
  unit.writeRegister(REGISTER.RTADDR, 8, registers.RTADDR);
  command(unit, GLOBAL.SRTP);
  const translationEnabled = (registers.GSTS.lo & GLOBAL.TE) !== 0;
  if (translationEnabled) command(unit, GLOBAL.TE);
  return { unit, memory, hostAddressWidth, translationEnabled };
}

const NEEDED = ['VER', 'CAP', 'ECAP', 'GSTS', 'RTADDR'] as const;
type Registers = Readonly<Record<(typeof NEEDED)[number], U64>>;

/** `tables.json`, as far as it has been looked at. */
interface Tables {
  readonly regs: Readonly<Record<string, unknown>>;
  readonly pages: readonly unknown[];
  readonly host_address_width?: unknown;
}

function command(unit: RemappingUnit, bit: number): void {
  const status = unit.readRegister(REGISTER.GSTS, 4).lo & GLOBAL_COMMAND_MASK;
  unit.writeRegister(REGISTER.GCMD, 4, u64(0, status | bit));
}

function readTables(directory: string): Tables {
  const text = readFile(directory, TABLES).toString('utf8');
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new DumpError(`${TABLES} is not JSON: ${messageOf(error)}`);
  }
  const tables = content as Partial<Tables> | null;
  if (typeof tables?.regs !== 'object' || tables.regs === null)
    throw new DumpError(`${TABLES} has no "regs"`);
  if (!Array.isArray(tables.pages)) throw new DumpError(`${TABLES} has no list "pages"`);
  return tables as Tables;
}

function readRegisters(regs: Tables['regs']): Registers {
  const missing = NEEDED.filter((name) => regs[name] === undefined);
  if (missing.length > 0) throw new DumpError(`${TABLES} lacks the registers ${missing.join(', ')}`);
  const read = (name: string): U64 => {
    const value = parseNumber(regs[name]);
    if (value === null)
      throw new DumpError(`${TABLES}: register ${name} is no number: ${quoted(regs[name])}`);
    return value;
  };
  return {
    VER: read('VER'),
    CAP: read('CAP'),
    ECAP: read('ECAP'),
    GSTS: read('GSTS'),
    RTADDR: read('RTADDR'),
  };
}

function readPages(directory: string, list: readonly unknown[]): DumpPage[] {
  const compressed = readFile(directory, PAGES);
  let bytes: Uint8Array;
  try {
    bytes = gunzipSync(compressed);
  } catch (error) {
    throw new DumpError(`${PAGES} cannot be unpacked: ${messageOf(error)}`);
  }
  return list.map((each, index) => {
    const entry = each as { readonly gpa?: unknown; readonly offset?: unknown } | null;
    const address = parseNumber(entry?.gpa);
    if (address === null || address.lo % PAGE_BYTES !== 0 || address.hi >= 2 ** (MOST_ADDRESS_BITS - 32)) {
      throw new DumpError(`${TABLES}: page ${index} has no page address in "gpa": ${quoted(entry?.gpa)}`);
    }
    const offset = entry?.offset;
    if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
      throw new DumpError(`${TABLES}: page ${index} has no place in ${PAGES}: ${quoted(offset)}`);
    }
    if (offset + PAGE_BYTES > bytes.length) {
      throw new DumpError(`${PAGES} ends at byte ${bytes.length}, before page ${index} at ${offset}`);
    }
    const frame = address.hi * 1048576 + (address.lo >>> 12);
    return { frame, bytes: bytes.subarray(offset, offset + PAGE_BYTES) };
  });
}

function widthOf(given: unknown, registers: Registers, pages: readonly DumpPage[]): number {
  if (given !== undefined) {
    const isWidth =
      Number.isInteger(given) && (given as number) >= 32 && (given as number) <= MOST_ADDRESS_BITS;
    if (!isWidth) throw new DumpError(`${TABLES}: "host_address_width" is no width: ${quoted(given)}`);
    return given as number;
  }
  const guest = field(registers.CAP, 21, 16) + 1;
  const addresses = [registers.RTADDR, ...pages.map(({ frame }) => u64FromNumber(frame * PAGE_BYTES))];
  return Math.min(
    MOST_ADDRESS_BITS,
    addresses.reduce((most, each) => Math.max(most, bitsOf(each)), guest),
  );
}

function bitsOf(value: U64): number {
  return value.hi === 0 ? 32 - Math.clz32(value.lo) : 64 - Math.clz32(value.hi);
}

function readFile(directory: string, name: string): Buffer {
  try {
    return readFileSync(join(directory, name));
  } catch (error) {
    throw new DumpError(`${name} cannot be read: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function quoted(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
