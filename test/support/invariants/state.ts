import type { Kernel } from '../../../src/kernel/kernel.js';
import type { KernelState } from '../../../src/kernel/state.js';
import { kernelFacts } from '../../../src/platform/kernel-facts.js';
import type { Platform } from '../../../src/platform/platform.js';

/** What the kernel keeps, allocators included, which no command shows. */
export function stateOf(kernel: Kernel): KernelState {
  return (kernel as unknown as { state: KernelState }).state;
}

/** Frames given back and not taken again. */
export function freeFrames(kernel: Kernel): readonly number[] {
  const { frames } = stateOf(kernel);
  const { free, runs } = frames as unknown as {
    free: readonly number[];
    runs?: ReadonlyMap<number, readonly number[]>;
  };
  const inRuns = [...(runs ?? [])].flatMap(([size, starts]) =>
    starts.flatMap((start) => Array.from({ length: size }, (_, index) => start + index)),
  );
  return [...free, ...inRuns];
}

/** PASIDs the kernel's allocator holds to be in use. */
export function takenPasids(kernel: Kernel): readonly number[] {
  const { used } = stateOf(kernel).pasids as unknown as { used: ReadonlySet<number> };
  return [...used].sort((a, b) => a - b);
}

/** All that a refused command must leave as it was, part by part. */
export class Shadow {
  private readonly memory = new Map<number, Int32Array>();
  private readonly parts = new Map<string, string>();

  /** Names of the parts that are not what they were when this was asked last. */
  changes({ machine, kernel }: Platform): string[] {
    const changed = new Set<string>();
    for (const { firstFrame, words } of machine.memory.segments()) {
      const before = this.memory.get(firstFrame) ?? new Int32Array(words.length);
      if (this.memory.has(firstFrame) && bytesOf(before).equals(bytesOf(words))) continue;
      if (!bytesOf(before).equals(bytesOf(words))) changed.add('memory');
      this.memory.set(firstFrame, words.slice());
    }
    for (const [name, text] of partsOf({ machine, kernel })) {
      if (this.parts.get(name) === text) continue;
      changed.add(name);
      this.parts.set(name, text);
    }
    return [...changed];
  }
}

function bytesOf(words: Int32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

function partsOf({ machine, kernel }: Pick<Platform, 'machine' | 'kernel'>): [string, string][] {
  const state = stateOf(kernel);
  const registers = machine.units.flatMap((unit) =>
    unit.registers().map(({ name, value }) => `${name} ${value.hi} ${value.lo}`),
  );
  const caches = machine.units.map((unit) => {
    const { context, pasid, iotlb, pagingStructure } = unit.caches;
    return [
      unit.queueState(),
      ...[context, pasid, iotlb, pagingStructure].map((cache) => [...cache.entries()]),
      [...unit.interruptEntries()],
      unit.cacheEntries('DEVICE_TLB', Infinity),
    ];
  });
  const functions = [...machine.topology.functions.values()];
  const config = functions.map((fn) => Buffer.from(fn.config).toString('latin1'));
  const hidden = [
    [...state.registeredParents].map(([parent, stage]) => [parent.name, stage]),
    [...state.devices.values()].map(({ keptPasidTable }) => keptPasidTable?.directoryFrame ?? null),
    [...state.buses].map(([name, bus]) => [name, bus.iommuOps?.name, [...bus.opsOfVendor.keys()]]),
  ];
  const allocators = [takenPasids(kernel), state.frames.used, freeFrames(kernel)];
  return [
    ['registers', registers.join()],
    ['caches', JSON.stringify(caches)],
    ['configuration spaces', config.join()],
    ['kernel', JSON.stringify([...kernelFacts(kernel), ...hidden])],
    ['allocators', JSON.stringify(allocators)],
  ];
}
