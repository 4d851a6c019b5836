import { pfnOf, toHex } from '../../../bits/u64.js';
import type { Command } from '../../command.js';
import { containerNamed } from '../named.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';
import { unmapOf } from './containers.js';

/** Of many mappings that could make room, so many are tried. */
const MOST_CANDIDATES = 4;

/** What VFIO says of one mapping. */
export const MAPPING_RULES: ObstacleRules = {
  IOVA_MAPPED: {
    evidence: (met) => overlapping(met).map(({ evidence }) => evidence),
    repairs: (met) =>
      overlapping(met)
        .slice(0, 1)
        .map(({ unmap }) => [unmap]),
    otherwise: 'UNKNOWN',
  },
  CUTS_MAPPING: {
    evidence: (met) => overlapping(met).map(({ evidence }) => evidence),
    repairs: (met) => cut(met).map(({ unmap }) => [unmap]),
    otherwise: 'OTHER_ARGUMENTS',
  },
  DMA_ENTRY_LIMIT: {
    evidence: ({ platform, command }) => {
      const dmas = containerNamed(platform, command)?.iommu?.dmas;
      return dmas === undefined ? [] : [`mappings: ${dmas.size}`];
    },
    repairs: ({ platform, command }) => {
      const container = containerNamed(platform, command);
      const dmas = container?.iommu?.dmas.all() ?? [];
      return dmas.slice(-MOST_CANDIDATES).map((dma) => [unmapOf(container!.number, dma)]);
    },
    otherwise: 'ANOTHER_BOOT',
  },
  MEMORY_LOCK_LIMIT: {
    evidence: ({ platform, command }) => {
      const container = containerNamed(platform, command);
      const limit = container?.userMemory.lockLimit ?? null;
      const pages = container?.iommu?.dmas.pages ?? 0;
      return limit === null ? [] : [`pages the process may lock: ${limit}, locked: ${pages}`];
    },
    repairs: ({ platform, command }) => {
      const container = containerNamed(platform, command);
      const dmas = container?.iommu?.dmas.all() ?? [];
      return dmas.slice(-MOST_CANDIDATES).map((dma) => [unmapOf(container!.number, dma)]);
    },
    otherwise: 'OTHER_ARGUMENTS',
  },
  IOVA_RANGE: {
    evidence: ({ platform, command }) =>
      (containerNamed(platform, command)?.iommu?.iovaRanges ?? []).map(
        ({ start, last }) => `may be mapped: ${toHex(start)}-${toHex(last)}`,
      ),
    otherwise: 'OTHER_ARGUMENTS',
  },
  USER_MEMORY: {
    evidence: ({ platform, command }) =>
      (containerNamed(platform, command)?.userMemory.ranges ?? []).map(
        ({ start, size, read, write }) =>
          `the process has ${toHex(size)} bytes at ${toHex(start)}${read ? ', readable' : ''}${write ? ', writable' : ''}`,
      ),
    otherwise: 'OTHER_ARGUMENTS',
  },
  SIMULATOR_LIMIT: { evidence: ({ blocker }) => [blocker.message], otherwise: 'OTHER_ARGUMENTS' },
  NO_VADDR: { evidence: ({ blocker }) => [blocker.message], otherwise: 'OTHER_ARGUMENTS' },
  DRIVERS_PIN: { evidence: ({ blocker }) => [blocker.message], otherwise: 'UNKNOWN' },
  INVALID_ARGUMENT: { evidence: ({ blocker }) => [blocker.message], otherwise: 'OTHER_ARGUMENTS' },
};

interface Overlap {
  readonly evidence: string;
  readonly unmap: Command;
  readonly isCut: boolean;
}

/** Mappings of the container that have a page of the range asked for, lowest first. */
function overlapping({ platform, command }: Circumstances): Overlap[] {
  if (command.type !== 'vfioMapDma' && command.type !== 'vfioUnmapDma') return [];
  const dmas = containerNamed(platform, command)?.iommu?.dmas.all() ?? [];
  const first = pfnOf(command.iova);
  const end = first + pfnOf(command.size);
  return dmas
    .filter(({ pfn, pages }) => pfn < end && pfn + pages > first)
    .map((dma) => ({
      evidence: `mapped: pages 0x${dma.pfn.toString(16)} to 0x${(dma.pfn + dma.pages - 1).toString(16)}`,
      unmap: unmapOf(command.container, dma),
      isCut: dma.pfn < first || dma.pfn + dma.pages > end,
    }));
}

function cut(met: Circumstances): Overlap[] {
  return overlapping(met)
    .filter(({ isCut }) => isCut)
    .slice(0, 1);
}
