import type { RemappingUnit } from '../../../src/hardware/unit.js';
import { HostMemory } from '../../../src/memory/host-memory.js';
import { type Run, merged } from './runs.js';

/*
 * The structures a unit would walk, read from memory by the layout the specification gives them. Nothing
 * of src/layout or of the walker is used, so that a mistake there cannot hide here.
 */

/** What one requester's untagged requests, or those with a PASID, are led to. */
export interface Route {
  readonly unit: string;
  readonly sourceId: number;
  readonly pasid: number | null;
  readonly did: number;
  readonly kind: 'TABLES' | 'PASS_THROUGH';
  readonly rootFrame: number;
  readonly levels: number;
}

/** Everything reachable from a unit's root pointer, by what it is. */
export interface UnitTables {
  readonly routes: readonly Route[];
  readonly contextFrames: readonly number[];
  /** PASID directories and leaf pages, of each requester; DMA aliases share theirs. */
  readonly pasidFrames: ReadonlyMap<number, readonly number[]>;
  /** Requesters that may send PASIDs. */
  readonly pasidEnabled: ReadonlySet<number>;
}

const RTADDR = 0x20;

/** Spec: VT-d 9.1 "Root Entry", 9.2 to 9.6 for the tables behind it. */
export function readUnit(memory: HostMemory, unit: RemappingUnit): UnitTables {
  const routes: Route[] = [];
  const contextFrames: number[] = [];
  const pasidFrames = new Map<number, number[]>();
  const pasidEnabled = new Set<number>();
  const register = unit.readRegister(RTADDR, 8);
  const root = frameIn(register.hi, register.lo) * 4096;
  const scalable = ((register.lo >>> 10) & 3) === 1;
  if (root === 0) return { routes, contextFrames, pasidFrames, pasidEnabled };
  const read = (address: number) => memory.load64(address);
  for (let bus = 0; bus < 256; bus++) {
    for (const half of scalable ? [0, 1] : [0]) {
      const entry = read(root + bus * 16 + half * 8);
      if ((entry.lo & 1) === 0) continue;
      const table = frameIn(entry.hi, entry.lo);
      contextFrames.push(table);
      for (let at = 0; at < (scalable ? 128 : 256); at++) {
        const sourceId = bus * 256 + half * 128 + at;
        const low = read(table * 4096 + at * (scalable ? 32 : 16));
        if ((low.lo & 1) === 0) continue;
        if (!scalable) {
          // Spec: VT-d 9.3 "Context Entry": TT 3:2, SSPTPTR 63:12, AW 66:64, DID 87:72.
          const high = read(table * 4096 + at * 16 + 8);
          routes.push({
            unit: unit.name,
            sourceId,
            pasid: null,
            did: (high.lo >>> 8) & 0xffff,
            kind: ((low.lo >>> 2) & 3) === 2 ? 'PASS_THROUGH' : 'TABLES',
            rootFrame: frameIn(low.hi, low.lo),
            levels: (high.lo & 7) + 2,
          });
          continue;
        }
        // Spec: VT-d 9.4: PASIDE 3, PDTS 11:9, PASIDDIRPTR 63:12, RID_PASID 83:64.
        if ((low.lo & 8) !== 0) pasidEnabled.add(sourceId);
        const ridPasid = read(table * 4096 + at * 32 + 8).lo & 0xfffff;
        const directory = frameIn(low.hi, low.lo);
        const entries = 2 ** (((low.lo >>> 9) & 7) + 7);
        const frames: number[] = [];
        for (let frame = 0; frame < Math.ceil((entries * 8) / 4096); frame++) frames.push(directory + frame);
        for (const [pasid, leafAddress] of pasidEntries(memory, directory, entries, frames)) {
          routes.push({
            unit: unit.name,
            sourceId,
            ...pasidRoute(memory, leafAddress),
            pasid: pasid === ridPasid ? null : pasid,
          });
        }
        pasidFrames.set(sourceId, frames);
      }
    }
  }
  return { routes, contextFrames, pasidFrames, pasidEnabled };
}

/** Present entries; leaf pages are added to the frames. Spec: VT-d 9.5 "Scalable-Mode PASID Directory Entry". */
function* pasidEntries(
  memory: HostMemory,
  directory: number,
  entries: number,
  frames: number[],
): Generator<[number, number]> {
  for (let from = 0; from < entries; from += 512) {
    const segment = memory.segment(directory + from / 512);
    const first = HostMemory.firstWord(directory + from / 512);
    if (isEmpty(segment.subarray(first, first + 1024))) continue;
    for (let index = from; index < Math.min(entries, from + 512); index++) {
      const word = first + (index - from) * 2;
      if ((segment[word] & 1) === 0) continue;
      const leaf = frameIn(segment[word + 1] >>> 0, segment[word] >>> 0);
      frames.push(leaf);
      for (let at = 0; at < 64; at++) {
        const address = leaf * 4096 + at * 64;
        if ((memory.load64(address).lo & 1) === 1) yield [index * 64 + at, address];
      }
    }
  }
}

/** Directory and leaf pages of a table nothing points to at the moment. */
export function framesOfPasidTable(memory: HostMemory, directory: number, entries: number): number[] {
  const frames = Array.from({ length: Math.ceil((entries * 8) / 4096) }, (_, index) => directory + index);
  for (const _ of pasidEntries(memory, directory, entries, frames));
  return frames;
}

const EMPTY_FRAME = Buffer.alloc(4096);

function isEmpty(words: Int32Array): boolean {
  return EMPTY_FRAME.equals(Buffer.from(words.buffer, words.byteOffset, words.byteLength));
}

/** Spec: VT-d 9.6: AW 4:2, PGTT 8:6, SSPTPTR 63:12, DID 79:64, FSPM 131:130, FSPTPTR 191:140. */
function pasidRoute(memory: HostMemory, address: number): Omit<Route, 'unit' | 'sourceId' | 'pasid'> {
  const low = memory.load64(address);
  const third = memory.load64(address + 16);
  const type = (low.lo >>> 6) & 7;
  const did = memory.load64(address + 8).lo & 0xffff;
  if (type === 4) return { did, kind: 'PASS_THROUGH', rootFrame: 0, levels: 0 };
  if (type === 1)
    return {
      did,
      kind: 'TABLES',
      rootFrame: frameIn(third.hi, third.lo),
      levels: ((third.lo >>> 2) & 3) === 1 ? 5 : 4,
    };
  return { did, kind: 'TABLES', rootFrame: frameIn(low.hi, low.lo), levels: ((low.lo >>> 2) & 7) + 2 };
}

/** All a page table holds: its frames and its leaves. Spec: VT-d 9.8 to 9.10, both formats. */
export function readTable(
  memory: HostMemory,
  rootFrame: number,
  levels: number,
): { readonly frames: readonly number[]; readonly runs: readonly Run[] } {
  const frames: number[] = [];
  const runs: Run[] = [];
  const visit = (frame: number, level: number, base: number) => {
    frames.push(frame);
    const span = 512 ** (level - 1);
    const segment = memory.segment(frame);
    const first = HostMemory.firstWord(frame);
    let last: { -readonly [K in keyof Run]: Run[K] } | null = null;
    for (let index = 0; index < 512; index++) {
      const lo = segment[first + index * 2];
      if ((lo & 3) === 0) continue;
      const target = frameIn(segment[first + index * 2 + 1] >>> 0, lo >>> 0);
      const pfn = base + index * span;
      if (level > 1 && (lo & 0x80) === 0) {
        visit(target, level - 1, pfn);
        last = null;
        continue;
      }
      const access = ACCESS[lo & 3];
      const joins =
        last !== null &&
        last.pfn + last.pages === pfn &&
        last.physicalPfn + last.pages === target &&
        last.access === access;
      if (joins) last!.pages += span;
      else runs.push((last = { pfn, physicalPfn: target, pages: span, leaf: span, access }));
    }
  };
  visit(rootFrame, levels, 0);
  return { frames, runs: merged(runs) };
}

const ACCESS = ['', 'r', 'w', 'rw'];

/** Bits 51:12 of a word. */
function frameIn(hi: number, lo: number): number {
  return (hi & 0xfffff) * 0x100000 + (lo >>> 12);
}
