/** Parameters of the type1 module, as the boot command line gives them. Linux: vfio_iommu_type1.c. */
export interface Type1Parameters {
  /** Give devices to users although nothing keeps their interrupt messages apart. */
  readonly allowUnsafeInterrupts: boolean;
  /** Null: not on the command line. */
  readonly dmaEntryLimit: number | null;
  /** Pin one page at a time, so that nothing larger can be mapped. */
  readonly disableHugepages: boolean;
}

/** Later words win, as everywhere on the command line. */
export function type1Parameters(commandLine: string): Type1Parameters {
  const value = (name: string): string | null => {
    const found = [
      ...commandLine.matchAll(new RegExp(`(?:^|\\s)vfio_iommu_type1\\.${name}(?:=(\\S*))?`, 'g')),
    ];
    const last = found.at(-1);
    // A switch without a value is on. Linux: param_set_bool().
    return last === undefined ? null : (last[1] ?? '1');
  };
  const isOn = (text: string | null): boolean => text !== null && /^(?:y|t|1|on)/i.test(text);
  const limit = value('dma_entry_limit');
  return {
    allowUnsafeInterrupts: isOn(value('allow_unsafe_interrupts')),
    dmaEntryLimit: limit !== null && /^\d{1,9}$/.test(limit) ? Number(limit) : null,
    disableHugepages: isOn(value('disable_hugepages')),
  };
}
