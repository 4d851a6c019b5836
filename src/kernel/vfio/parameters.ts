import { isSwitchOn, moduleParameter } from '../profile/module-parameters.js';

/** Parameters of the type1 module, as the boot command line gives them. Linux: vfio_iommu_type1.c. */
export interface Type1Parameters {
  /** Give devices to users although nothing keeps their interrupt messages apart. */
  readonly allowUnsafeInterrupts: boolean;
  /** Null: not on the command line. */
  readonly dmaEntryLimit: number | null;
  /** Pin one page at a time, so that nothing larger can be mapped. */
  readonly disableHugepages: boolean;
}

export function type1Parameters(commandLine: string): Type1Parameters {
  const value = (name: string) => moduleParameter(commandLine, 'vfio_iommu_type1', name);
  const limit = value('dma_entry_limit');
  return {
    allowUnsafeInterrupts: isSwitchOn(value('allow_unsafe_interrupts')),
    dmaEntryLimit: limit !== null && /^\d{1,9}$/.test(limit) ? Number(limit) : null,
    disableHugepages: isSwitchOn(value('disable_hugepages')),
  };
}
