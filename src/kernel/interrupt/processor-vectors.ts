/**
 * Vectors a processor has for devices, between those of the units' own events and the system's; 0x80 is the
 * old system call. Linux: FIRST_EXTERNAL_VECTOR to FIRST_SYSTEM_VECTOR, arch/x86/include/asm/irq_vectors.h.
 */
const FIRST = 0x51;
const LAST = 0xeb;
const SYSTEM_CALL = 0x80;
const PER_PROCESSOR = LAST - FIRST;
/** Processors the flat logical mode of 8-bit ids can name. Linux: apic_flat. */
const FLAT_PROCESSORS = 8;
/** More than devices could ever fill. */
const PROCESSORS = 4096;

/** A vector of a processor, under the logical id messages name it by. */
export interface ProcessorVector {
  readonly vector: number;
  readonly destination: number;
}

/**
 * Which processor takes which interrupt: the lowest free vector of the first processor that has one. How many
 * processors there are is not part of a description, so there is always another as long as it can be named.
 * Linux: irq_matrix_alloc(), which spreads them instead.
 */
export class ProcessorVectors {
  private readonly taken = new Set<number>();
  /** No slot below this is free. */
  private lowest = 0;

  /** @param extended processors have 32-bit ids; null when all that can be named are taken */
  allocate(extended: boolean): ProcessorVector | null {
    let slot = this.lowest;
    while (this.taken.has(slot)) slot++;
    const processor = Math.floor(slot / PER_PROCESSOR);
    if (processor >= (extended ? PROCESSORS : FLAT_PROCESSORS)) return null;
    this.taken.add(slot);
    this.lowest = slot + 1;
    const vector = FIRST + (slot % PER_PROCESSOR);
    return {
      vector: vector < SYSTEM_CALL ? vector : vector + 1,
      destination: logicalId(processor, extended),
    };
  }

  free({ vector, destination }: ProcessorVector): void {
    const within = (vector < SYSTEM_CALL ? vector : vector - 1) - FIRST;
    const slot = processorOf(destination) * PER_PROCESSOR + within;
    this.taken.delete(slot);
    this.lowest = Math.min(this.lowest, slot);
  }
}

/** A bit for each processor: of eight in all, or of the sixteen of a cluster. Linux: apic_flat, apic_x2apic_cluster. */
function logicalId(processor: number, extended: boolean): number {
  return extended ? ((processor >>> 4) << 16) | (1 << (processor & 15)) : 1 << processor;
}

function processorOf(destination: number): number {
  return ((destination >>> 16) << 4) | (31 - Math.clz32(destination & 0xffff));
}
