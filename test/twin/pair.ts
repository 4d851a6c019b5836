import type { DmaRequest, TranslationResult } from '../../src/hardware/request.js';
import { HostMemory } from '../../src/memory/host-memory.js';
import { capabilityWord, extendedCapabilityWord } from '../support/hardware/capability-words.js';
import { Bench, FRO, IRO } from '../support/hardware/unit-builder.js';
import { wordOf } from '../support/hardware/words.js';
import type { TwinCase } from './arbitraries.js';
import { type TwinCapabilities, type TwinMachine, TwinMemory, type TwinRequest } from './twin-machine.js';

/** Memory above this does not answer, though a host address width may reach further. */
const MEMORY_LIMIT = 2 ** 36;

/** Where the generated tables put everything that is not a root, context or PASID entry. */
const PAGING_TABLES = 0x20000;

const one = (value: boolean) => (value ? 1 : 0);

function benchFor(caps: TwinCapabilities, memory: HostMemory): Bench {
  return new Bench({
    capability: capabilityWord({
      ND: (caps.domainIdBits - 4) / 2,
      SAGAW: caps.sagaw,
      MGAW: caps.mgaw - 1,
      ZLR: one(caps.zlr),
      FRO,
      SLLPS: caps.sllps,
      PSI: 1,
      NFR: 0,
      MAMV: 18,
      DWD: 1,
      DRD: 1,
      FL1GP: one(caps.fl1gp),
      FL5LP: one(caps.fl5lp),
    }),
    extendedCapability: extendedCapabilityWord({
      C: 1,
      QI: 1,
      DT: one(caps.dt),
      PT: one(caps.pt),
      SC: one(caps.sc),
      IRO,
      MTS: one(caps.mts),
      NEST: one(caps.nest),
      PRS: one(caps.prs),
      SRS: one(caps.srs),
      EAFS: one(caps.eafs),
      PSS: caps.pasid ? caps.pss : 0,
      PASID: one(caps.pasid),
      SMTS: one(caps.smts),
      SLADS: one(caps.slads),
      SLTS: one(caps.slts),
      FLTS: one(caps.flts),
      SMPWCS: one(caps.smpwcs),
      RPS: one(caps.rps),
      ADMS: one(caps.adms),
      RPRIVS: one(caps.rprivs),
      PTRS: one(caps.ptrs),
      SSIRWS: one(caps.ssirws),
    }),
    version: 0x10,
    hostAddressWidth: caps.haw,
    memory,
  });
}

/** The unit and the twin, over the same tables. */
export class Pair {
  readonly bench: Bench;
  readonly machine: TwinMachine;
  /** Root, context and PASID words as they were stored. */
  private readonly structures = new Map<number, bigint>();

  constructor(
    made: Pick<TwinCase, 'capabilities' | 'rtaddr' | 'tables'>,
    hostMemory: HostMemory = new HostMemory(MEMORY_LIMIT),
  ) {
    hostMemory.useSlab(0);
    this.bench = benchFor(made.capabilities, hostMemory);
    const memory = new TwinMemory(BigInt(MEMORY_LIMIT));
    this.machine = { capabilities: made.capabilities, memory, rtaddr: made.rtaddr };
    for (const { address, value } of made.tables) this.store(address, value);
    this.bench.setRootTable('0x' + made.rtaddr.toString(16));
    this.bench.enableTranslation();
  }

  store(address: number, value: bigint): void {
    if (address < PAGING_TABLES) this.structures.set(address, value);
    this.machine.memory.store(BigInt(address), value);
    this.bench.memory.store64(address, wordOf(value));
  }

  translate(request: TwinRequest): TranslationResult {
    return this.bench.unit.translate(dmaRequest(request));
  }

  /** Words where the two memories differ: address, what the unit has, what the twin has. */
  differences(): { address: number; unit: bigint; twin: bigint }[] {
    const out: { address: number; unit: bigint; twin: bigint }[] = [];
    const unitWords = this.unitWords();
    for (const [address, twin] of this.machine.memory.words) {
      const unit = unitWords[address / 8];
      if (unit !== twin) out.push({ address, unit, twin });
    }
    return out;
  }

  /** The unit's memory as 64-bit words; every generated table lies in the first segment. */
  unitWords(): BigUint64Array {
    const { buffer, byteOffset } = this.bench.memory.segment(0);
    return new BigUint64Array(buffer, byteOffset);
  }

  /**
   * Whether a walk through a wrong pointer took a root, context or PASID entry for a paging entry and marked
   * it accessed. The unit may have cached the entry as it was, and the twin has no cache to follow that with.
   */
  structuresMarked(): boolean {
    const unitWords = this.unitWords();
    for (const [address, value] of this.structures) if (unitWords[address / 8] !== value) return true;
    return false;
  }

  /** Takes over what the unit wrote, for requests whose accessed bits are the part's own business. */
  acceptUnitMemory(): void {
    for (const { address, unit } of this.differences()) this.machine.memory.store(BigInt(address), unit);
  }
}

export function dmaRequest(request: TwinRequest): DmaRequest {
  return { ...request, address: wordOf(request.address), execute: false, noWrite: false };
}

/** A second copy of the twin's memory, so that a policy can be tried without consequence. */
export function copyOf(machine: TwinMachine): TwinMachine {
  const memory = new TwinMemory(BigInt(MEMORY_LIMIT));
  for (const [address, value] of machine.memory.words) memory.words.set(address, value);
  return { ...machine, memory };
}

export function physicalOf(result: TranslationResult): bigint | null {
  return result.kind === 'TRANSLATED' ? BigInt(result.physical) : null;
}
