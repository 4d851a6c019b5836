import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';
import { SOURCE_VALIDATION } from '../../layout/irte.js';
import { dmaAliases } from '../pci/dma-alias.js';

/** Who may use an entry: a requester id, or a range of buses, first and last in the two bytes. */
export interface InterruptSource {
  readonly sourceValidation: number;
  readonly sourceId: number;
}

/**
 * The ids a function's interrupts can carry. Behind a bridge that sends under its secondary bus only buses can
 * be compared, as for a function with several ids on one bus; behind a conventional bridge the id is the
 * bridge's. Other further ids are for DMA, and its own is expected. Linux: set_msi_sid().
 */
export function interruptSource(topology: PciTopology, fn: PciFunction): InterruptSource {
  const aliases = [...dmaAliases(topology, fn)];
  const real = aliases[0].fn;
  const last = aliases[aliases.length - 1];
  const lastBus = last.sourceId >>> 8;
  const ownBus = real.address.bus;
  const onSameBus = aliases.filter(
    ({ sourceId }, index) => index === 0 || sourceId >>> 8 === aliases[index - 1].sourceId >>> 8,
  );
  if (lastBus !== last.fn.address.bus) return buses(lastBus, ownBus);
  if (aliases.length >= 2 && onSameBus.length === aliases.length) return buses(ownBus, ownBus);
  const isBridge = last.fn.address.bus !== ownBus;
  return {
    sourceValidation: SOURCE_VALIDATION.SOURCE_ID,
    sourceId: isBridge ? last.sourceId : real.sourceId,
  };
}

function buses(first: number, last: number): InterruptSource {
  return { sourceValidation: SOURCE_VALIDATION.BUS_RANGE, sourceId: (first << 8) | last };
}
