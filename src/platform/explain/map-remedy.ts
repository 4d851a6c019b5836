import type { U64 } from '../../bits/u64.js';
import type { FaultCase } from './fault-case.js';
import { type Remedy, type RemedyCommand, advice } from './hypothesis.js';

/** What to map in the domain of a fault. */
interface Wanted {
  readonly iova: U64;
  readonly physical: U64;
  readonly size: U64;
  readonly read: boolean;
  readonly write: boolean;
}

/**
 * Maps a range in the domain that translated a request. A page that is mapped must be unmapped first, as an
 * entry that is there wins (Linux: __domain_mapping()). The mappings of a container are its process's to
 * make, and a domain of another kind has none: then it is words only.
 */
export function mapRemedy(
  { domain, platform }: FaultCase,
  {
    text,
    wanted,
    replaces,
    weakensIsolation,
  }: {
    readonly text: string;
    readonly wanted: Wanted;
    readonly replaces: boolean;
    readonly weakensIsolation: boolean;
  },
): Remedy {
  if (domain === null || !domain.isPaging) return advice(text, weakensIsolation);
  const container = [...platform.kernel.vfio.containers.values()].find(({ iommu }) =>
    iommu?.domains.some((one) => one.domain === domain),
  );
  if (container !== undefined)
    return advice(
      `${text} That is for the process to do that has container ${container.number}.`,
      weakensIsolation,
    );
  const { iova, size } = wanted;
  const map: RemedyCommand = { type: 'map', domain: domain.number, ...wanted };
  const unmap: RemedyCommand = { type: 'unmap', domain: domain.number, iova, size };
  return { text, commands: replaces ? [unmap, map] : [map], weakensIsolation };
}
