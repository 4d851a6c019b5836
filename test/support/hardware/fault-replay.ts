import { HostMemory } from '../../../src/memory/host-memory.js';
import type { TranslationResult } from '../../../src/hardware/request.js';
import { sourceIdFrom } from './evidence.js';
import { request } from './requests.js';
import { Bench } from './unit-builder.js';
import { word } from './words.js';

/** One step of a fault capture, as far as it is used. */
export interface CaptureStep {
  readonly step: number;
  readonly desc: string;
  /** Absent in steps that only prepare something. */
  readonly bdf?: string;
  readonly guest?: readonly { readonly cmd: string }[];
  readonly host?: {
    readonly addr: string;
    readonly old?: string | string[];
    readonly new?: string | string[];
  };
  readonly walk?: { readonly steps: readonly (readonly [number, string, string | null])[] };
  readonly trace?: readonly string[];
  readonly regs?: Readonly<Record<string, string>>;
}

/** A DMA of the capture: what the emulator did and what the unit does. */
export interface Replayed {
  readonly step: number;
  readonly desc: string;
  readonly sourceId: number;
  readonly address: string;
  readonly access: 'READ' | 'WRITE';
  /** Reason of the first fault; null when there was none. */
  readonly emulatorReason: number | null;
  readonly emulatorRecord: { readonly hi: bigint; readonly lo: bigint } | null;
  readonly emulatorPage: number | null;
  /** Of the first page that was refused, or of the last one. */
  readonly result: TranslationResult;
  /** The same from the tables alone, caches left aside. */
  readonly fresh: TranslationResult;
  readonly record: { readonly hi: bigint; readonly lo: bigint } | null;
}

const list = (value: string | string[] | undefined) =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/**
 * Replays a capture. The captures hold single table words, not whole memory: the words that were edited or
 * walked are put where they were, and the pointers that lead to them, which no step shows, are made up in
 * frames the capture does not use.
 */
export class FaultReplay {
  readonly results: Replayed[] = [];
  private readonly bench: Bench;
  private readonly isScalable: boolean;
  private readonly root: number;
  private readonly originals = new Map<number, string[]>();
  /** Context tables by bus and half, PASID directories and tables by source id, where an edit shows them. */
  private readonly contextTables = new Map<number, number>();
  private readonly directories = new Map<number, number>();
  private readonly pasidTables = new Map<number, number>();
  private readonly editedContexts = new Set<number>();
  /** Context words the emulator's trace shows, first ones first. */
  private readonly shownContexts = new Map<number, string[]>();
  private readonly editedRoots = new Set<number>();
  private nextFrame = 0x10000000;

  constructor(private readonly steps: readonly CaptureStep[]) {
    const registers = steps[0].regs!;
    const rtaddr = word(registers.RTADDR);
    this.isScalable = (rtaddr.lo & 0x400) !== 0;
    this.root = rtaddr.lo & ~0xfff;
    this.bench = new Bench({
      capability: word(registers.CAP),
      extendedCapability: word(registers.ECAP),
      version: Number(registers.VER),
      hostAddressWidth: 48,
      memory: new HostMemory(512 * 2 ** 20),
    });
    this.bench.setRootTable(registers.RTADDR);
    this.bench.enableTranslation();
    this.bench.startQueue(this.isScalable ? '0x10000801' : '0x10000000');
    this.nextFrame = 0x10002000;
    this.learnPlaces();
  }

  run(): Replayed[] {
    for (const step of this.steps) {
      this.replayInvalidations(step);
      this.replayEdit(step);
      for (const [, address, entry] of step.walk?.steps ?? []) {
        if (entry !== null) this.bench.store(Number(address), entry);
      }
      for (const { cmd } of step.guest ?? []) {
        const dma = /^dma (\S+) ([rw]) (0x[0-9a-f]+) (\d+)$/.exec(cmd);
        if (dma !== null && step.bdf !== undefined)
          this.replayDma(step, dma[1], dma[2], BigInt(dma[3]), Number(dma[4]));
      }
    }
    return this.results;
  }

  /** Table addresses that some later edit gives away. */
  private learnPlaces(): void {
    for (const { desc, host, trace } of this.steps) {
      for (const line of trace ?? []) this.noteContext(line);
      if (host?.old === undefined) continue;
      const address = Number(host.addr);
      const name = /(context|PASID directory|PASID table) entry of (\S+?):? /.exec(
        desc.replace(/([0-9a-f]\.[0-7]): /, '$1 '),
      );
      if (name !== null) {
        const sourceId = sourceIdFrom(name[2]);
        if (name[1] === 'context') {
          this.contextTables.set(this.tableKey(sourceId), address - this.contextOffset(sourceId));
          this.editedContexts.add(sourceId);
        } else if (name[1] === 'PASID directory') {
          this.directories.set(sourceId, address);
        } else {
          this.pasidTables.set(sourceId, address);
        }
        if (!this.originals.has(address)) this.bench.store(address, ...list(host.old));
        this.originals.set(address, list(host.old));
      }
      const root = /root entry of bus (\d+)/.exec(desc);
      if (root !== null) {
        const bus = Number(root[1]);
        this.editedRoots.add(bus);
        this.contextTables.set(bus * 2, Number(BigInt(list(host.old)[0]) & ~0xfffn));
        this.bench.store(address, ...list(host.old));
        this.originals.set(address, list(host.old));
      }
    }
  }

  private noteContext(line: string): void {
    const shown = /context (?:update|hit) bus (\S+) devfn (\S+) high (\S+) low (\S+)/.exec(line);
    if (shown === null) return;
    const sourceId = (Number(shown[1]) << 8) | Number(shown[2]);
    if (!this.shownContexts.has(sourceId)) this.shownContexts.set(sourceId, [shown[4], shown[3]]);
  }

  private replayInvalidations(step: CaptureStep): void {
    for (const line of step.trace ?? []) {
      const descriptor = /^vtd_inv_desc invalidate desc type \S+ high (0x[0-9a-f]+) low (0x[0-9a-f]+)/.exec(
        line,
      );
      if (descriptor === null || line.includes('type wait')) continue;
      this.bench.submit(descriptor[2], descriptor[1]);
      if (this.bench.faultStatus !== 0) throw new Error(`step ${step.step}: refused ${line}`);
    }
  }

  private replayEdit(step: CaptureStep): void {
    if (step.host === undefined) return;
    const address = Number(step.host.addr);
    const words = step.host.new === undefined ? this.originals.get(address) : list(step.host.new);
    if (step.host.old !== undefined && !this.originals.has(address))
      this.originals.set(address, list(step.host.old));
    if (words === undefined) throw new Error(`step ${step.step} restores what no step edited`);
    this.bench.store(address, ...words);
  }

  private replayDma(step: CaptureStep, bdf: string, letter: string, iova: bigint, length: number): void {
    const trace = step.trace ?? [];
    const sourceId = this.sourceIdOf(trace, bdf);
    this.placeTables(step, sourceId);
    const access = letter === 'r' ? ('READ' as const) : ('WRITE' as const);
    let result: TranslationResult | null = null;
    let fresh: TranslationResult | null = null;
    for (let at = iova; at < iova + BigInt(length); at = (at & ~0xfffn) + 4096n) {
      const address = '0x' + BigInt.asUintN(64, at).toString(16);
      const piece = request({ sourceId, address, type: access });
      fresh = this.bench.unit.trace(piece).result;
      result = this.bench.unit.translate(piece);
      if (result.kind === 'BLOCKED') break;
    }
    const fault = trace
      .map((line) => /^vtd_dmar_fault sid \S+ fault (\d+)/.exec(line))
      .find((match) => match !== null);
    const frr = trace
      .map((line) => /^vtd_frr_new index 0 high (0x[0-9a-f]+) low (0x[0-9a-f]+)/.exec(line))
      .find((match) => match !== null);
    const page = trace
      .map((line) => /^vtd_dmar_translate .* -> gpa (0x[0-9a-f]+)/.exec(line))
      .find((match) => match !== null);
    const record = this.bench.record();
    const isHeld = BigInt(record.hi) >> 63n === 1n;
    this.results.push({
      step: step.step,
      desc: step.desc,
      sourceId,
      address: '0x' + iova.toString(16),
      access,
      emulatorReason: fault == null ? null : Number(fault[1]),
      emulatorRecord: frr == null ? null : { hi: BigInt(frr[1]), lo: BigInt(frr[2]) },
      emulatorPage: page == null ? null : Number(page[1]),
      result: result!,
      fresh: fresh!,
      record: isHeld ? { hi: BigInt(record.hi), lo: BigInt(record.lo) } : null,
    });
    this.bench.clearFault();
  }

  private sourceIdOf(trace: readonly string[], bdf: string): number {
    for (const line of trace) {
      const sid = /^vtd_dmar_fault sid (0x[0-9a-f]+)/.exec(line);
      if (sid !== null) return Number(sid[1]);
      const context = /bus (0x[0-9a-f]+) devfn (0x[0-9a-f]+) high/.exec(line);
      if (context !== null) return (Number(context[1]) << 8) | Number(context[2]);
    }
    return sourceIdFrom(bdf);
  }

  private frame(): number {
    this.nextFrame += 0x1000;
    return this.nextFrame - 0x1000;
  }

  private frameOf(map: Map<number, number>, key: number): number {
    const found = map.get(key);
    if (found !== undefined) return found;
    const made = this.frame();
    map.set(key, made);
    return made;
  }

  /** Root, context and PASID entries of a source that no edit shows. */
  private placeTables(step: CaptureStep, sourceId: number): void {
    const bus = sourceId >> 8;
    const table = this.frameOf(this.contextTables, this.tableKey(sourceId));
    const half = this.isScalable && (sourceId & 0x80) !== 0 ? 8 : 0;
    if (!this.editedRoots.has(bus))
      this.bench.store(this.root + bus * 16 + half, '0x' + (table + 1).toString(16));
    const entry = table + this.contextOffset(sourceId);
    if (!this.editedContexts.has(sourceId) && this.bench.load(entry) === ZERO) {
      this.bench.store(entry, ...(this.shownContexts.get(sourceId) ?? this.inventedContext()));
    }
    if (this.isScalable) this.placePasidEntry(step, sourceId, entry);
  }

  /** One context table for each bus, in scalable mode for each half of it. */
  private tableKey(sourceId: number): number {
    return (sourceId >> 8) * 2 + (this.isScalable ? (sourceId >> 7) & 1 : 0);
  }

  private contextOffset(sourceId: number): number {
    return this.isScalable ? (sourceId & 0x7f) * 32 : (sourceId & 0xff) * 16;
  }

  private inventedContext(): string[] {
    const table = '0x' + (this.frame() + (this.isScalable ? 0x401 : 1)).toString(16);
    return this.isScalable ? [table, '0x0', '0x0', '0x0'] : [table, '0x402'];
  }

  private placePasidEntry(step: CaptureStep, sourceId: number, contextEntry: number): void {
    const context = BigInt(this.bench.load(contextEntry));
    const directory = Number(context & 0xfffffffff000n);
    if (directory >= 512 * 2 ** 20) return;
    if (this.directories.get(sourceId) === undefined) {
      const table = this.frameOf(this.pasidTables, sourceId);
      this.bench.store(directory, '0x' + (table + 1).toString(16));
    }
    if (this.bench.load(directory) === ZERO) return;
    const table = Number(BigInt(this.bench.load(directory)) & 0xfffffffffffff000n);
    if (table >= 512 * 2 ** 20 || this.bench.load(table) !== ZERO) return;
    const top = step.walk === undefined ? this.frame() : Number(step.walk.steps[0][1]) & ~0xfff;
    this.bench.store(table, '0x' + (top | 0x89).toString(16), '0x5');
  }
}

const ZERO = '0x0000000000000000';
