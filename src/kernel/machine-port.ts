import type { U64 } from '../bits/u64.js';
import type { PciFunction } from '../hardware/pci/function.js';
import type { PciTopology } from '../hardware/pci/topology.js';
import type { HostMemory } from '../memory/host-memory.js';

/** A unit's registers: all the driver has of it. Nothing here reaches a cache, so no rule can. */
export interface UnitRegisters {
  readonly registerBase: U64;
  readRegister(offset: number, bytes: 4 | 8): U64;
  writeRegister(offset: number, bytes: 4 | 8, value: U64): void;
}

/** The machine as the kernel sees it: memory, registers, configuration space, and messages coming in. */
export interface MachinePort {
  readonly memory: HostMemory;
  readonly topology: PciTopology;
  readonly units: readonly UnitRegisters[];
  /** Writes NumVFs and VF Enable of a physical function; gives the virtual functions that answer then. */
  showVirtualFunctions(physical: PciFunction, count: number): PciFunction[];
  /** Told when a unit sends a message of its own: fault, invalidation or page request event. */
  messageHandler: {
    unitMessage(unit: UnitRegisters, address: U64, data: number): void;
  } | null;
}
