import type { HostFrame } from '../../bits/address.js';
import { FIRST_STAGE } from '../../layout/first-stage.js';
import type { FrameAllocator } from '../../memory/frame-allocator.js';
import type { HostMemory } from '../../memory/host-memory.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { IoPageTable } from '../intel/page-table.js';
import type { UserMemory } from '../vfio/user-memory.js';

/** XD: execute disable, bit 63. What a process gives to devices is data. */
const EXECUTE_DISABLE = 0x80000000 | 0;
/** Of 48 bits of address. */
const LEVELS = 4;

/**
 * The address space of a process that devices share, while any does. Its tables are the processor's: what is
 * not in them yet is put there when somebody asks for it. Linux: mm_struct, struct intel_svm.
 */
export class ProcessMemory {
  readonly table: IoPageTable;
  /** How often each device is bound. Linux: intel_svm_dev.users. */
  readonly bonds = new Map<KernelDevice, number>();

  constructor(
    /** As the user numbers processes. */
    readonly pid: number,
    /** One on every device. */
    readonly pasid: number,
    readonly userMemory: UserMemory,
    memory: HostMemory,
    frames: FrameAllocator,
  ) {
    const low = FIRST_STAGE.PRESENT | FIRST_STAGE.WRITE | FIRST_STAGE.USER;
    this.table = new IoPageTable(memory, frames, LEVELS, low, EXECUTE_DISABLE);
  }

  get rootFrame(): HostFrame {
    return this.table.rootFrame;
  }
}
