import type { TwinCapabilities } from './twin-machine.js';

/** One word of memory and what it belongs to, so that a shrunk counterexample can be read. */
export interface PlacedWord {
  readonly address: number;
  readonly value: bigint;
}

/** Collects words; the position in the list is the name a mutation uses. */
class Layout {
  readonly words: PlacedWord[] = [];

  put(address: number, ...values: (bigint | number)[]): void {
    values.forEach((value, index) => this.words.push({ address: address + index * 8, value: BigInt(value) }));
  }
}

/** Table indices a generated address may use at any level. */
export const INDICES = [0, 1, 2, 3, 16, 511] as const;

const FRAME_OUT = 0x200000;

/**
 * A second-stage tree of `levels` levels at `base`: tables at base, base+0x1000, ... down to one L1 table.
 * Index 0 goes down; index 1 of L3 and L2 is a large leaf; L1 holds pages of every permission and one in
 * the interrupt range. Indices 16 and up of L1 map `inner` (frames of first-stage tables), read-write.
 */
function secondStageTree(layout: Layout, base: number, levels: number, inner: number): void {
  for (let level = levels; level > 1; level--) {
    const table = base + (levels - level) * 0x1000;
    layout.put(table, table + 0x1003);
    layout.put(table + 8 * 511, table + 0x1003);
    if (level === 3) layout.put(table + 8, 0x80000083n);
    if (level === 2) layout.put(table + 8, 0xa00083n);
    if (level === 2) layout.put(table + 16, 0xfee00083n);
    if (level > 3) layout.put(table + 8, table + 0x1001);
    if (level > 3) layout.put(table + 16, table + 0x1002);
    if (level <= 3) layout.put(table + 24, table + 0x1001);
  }
  const leafTable = base + (levels - 1) * 0x1000;
  layout.put(leafTable, FRAME_OUT | 3, (FRAME_OUT + 0x1000) | 1, (FRAME_OUT + 0x2000) | 2, 0xfee00003n);
  layout.put(leafTable + 8 * 511, (FRAME_OUT + 0x3000) | 3);
  for (let page = 0; page < 8; page++) layout.put(leafTable + 8 * (16 + page), (inner + page * 0x1000) | 3);
}

/** A first-stage tree; `pointerBase` is where its tables appear to the walker (guest or host address). */
function firstStageTree(
  layout: Layout,
  base: number,
  pointerBase: number,
  levels: number,
  output: readonly bigint[],
): void {
  for (let level = levels; level > 1; level--) {
    const step = (levels - level) * 0x1000;
    const next = pointerBase + step + 0x1000;
    layout.put(base + step, next | 7);
    layout.put(base + step + 8 * 511, next | 7);
    layout.put(base + step + 24, next | 3);
    if (level === 3) layout.put(base + step + 8, output[1] | 0x87n);
    if (level === 2) layout.put(base + step + 8, output[0] | 0x87n);
    if (level > 3) layout.put(base + step + 8, next | 5);
  }
  const leafTable = base + (levels - 1) * 0x1000;
  layout.put(leafTable, output[2] | 7n, output[3] | 5n, output[4] | 3n, 0xfee00007n);
  layout.put(leafTable + 8 * 16, output[5] | 0x67n);
  layout.put(leafTable + 8 * 511, output[6] | 7n);
}

export const LEGACY_SOURCES = [0x0010, 0x0018, 0x0020, 0x0028, 0x0030, 0x0110] as const;
export const SCALABLE_SOURCES = [0x0008, 0x0080, 0x0010, 0x0018, 0x0088, 0x0108] as const;
export const PASIDS = [1, 2, 3, 4, 5, 6, 7, 8, 64, 0x2000, 0x40000] as const;

/** The deepest second-stage width the unit offers, as an AW field. */
function widest(caps: TwinCapabilities): number {
  return caps.sagaw & 8 ? 3 : caps.sagaw & 4 ? 2 : 1;
}

/** Legacy tables: four functions of bus 0, one tree of the widest kind and one of three levels. */
export function legacyTables(caps: TwinCapabilities): PlacedWord[] {
  const layout = new Layout();
  const aw = widest(caps);
  layout.put(0x10000, 0x11001, 0);
  layout.put(0x11100, 0x20001, 0x4200 | aw);
  layout.put(0x11180, 0x20001 | (caps.dt ? 4 : 0), 0x4300 | aw);
  layout.put(0x11200, caps.pt ? 0x9 : 0x20001, 0x4400 | aw);
  layout.put(0x11280, 0x28001, 0x4501);
  secondStageTree(layout, 0x20000, aw + 2, 0x60000);
  secondStageTree(layout, 0x28000, 3, 0x60000);
  return layout.words;
}

/**
 * Scalable tables: 00:01.0 in the lower half, 00:10.0 in the upper one with another RID_PASID; PASIDs of
 * every translation type.
 */
export function scalableTables(caps: TwinCapabilities): PlacedWord[] {
  const layout = new Layout();
  const aw = widest(caps);
  const snoop = caps.smpwcs ? 0x800000 : 0;
  const dirty = caps.slads ? 0x200 : 0;
  const enables = 1 | (caps.dt ? 4 : 0) | (caps.pasid ? 8 : 0);
  layout.put(0x10000, 0x11001, 0x12001);
  layout.put(0x11100, 0x13000 | enables, 0, 0, 0);
  layout.put(0x12000, 0x13000 | enables, caps.rps ? 5 : 0, 0, 0);
  layout.put(0x11200, 0x13000 | 1, caps.rprivs ? 1 << 20 : 0, 0, 0);
  layout.put(0x13000, 0x14001, 0x15001);
  const entry = (pasid: number, qw0: number, did: number, qw2: number) =>
    layout.put(0x14000 + pasid * 64, qw0, did | snoop, qw2, 0, 0, 0, 0, 0);
  const second = (aw << 2) | 0x80 | 1;
  entry(0, 0x20000 | second, 0x10, 0);
  entry(1, 0x41, 0x20, 0x30000);
  entry(2, 0x28000 | (1 << 2) | 0x80 | 1 | dirty, 0x30, 0);
  entry(3, 0x20000 | (aw << 2) | 0xc1 | dirty, 0x40, 0x10000);
  entry(4, 0x101, 0x50, 0);
  entry(5, 0x28000 | (1 << 2) | 0x81, 0x60, 0);
  entry(6, 0x41, 0x70, 0x38000 | (caps.fl5lp ? 4 : 0) | (caps.srs ? 1 : 0) | (caps.eafs ? 0x80 : 0));
  entry(7, 0x41, 0x80, 0x30000 | (caps.srs ? 0x11 : 0));
  layout.put(0x15000, 0x20000 | second, 0x90, 0, 0, 0, 0, 0, 0);
  const host = [0x400000n, 0x40000000n, 0x210000n, 0x211000n, 0x212000n, 0x213000n, 0x214000n];
  const guest = [0n, 0n, 0n, 0x1000n, 0x0n, 0x2000n, 0x200000n];
  secondStageTree(layout, 0x20000, aw + 2, 0x60000);
  secondStageTree(layout, 0x28000, 3, 0x60000);
  firstStageTree(layout, 0x30000, 0x30000, 4, host);
  firstStageTree(layout, 0x38000, 0x38000, caps.fl5lp ? 5 : 4, host);
  // Guest tables of PASID 3: at host 0x60000.., seen at guest 0x10000.. (L1 indices 16 and up).
  firstStageTree(layout, 0x60000, 0x10000, 4, guest);
  return layout.words;
}
