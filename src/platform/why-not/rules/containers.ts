import { pfnOf, toHex, u64FromPfn } from '../../../bits/u64.js';
import type { IommuGroup } from '../../../kernel/iommu/iommu-group.js';
import type { VfioDma } from '../../../kernel/vfio/dma-list.js';
import { type VfioContainer, VFIO_IOMMU } from '../../../kernel/vfio/objects.js';
import type { Command } from '../../command.js';
import { containerNamed, functionBehind, groupNamed } from '../named.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';
import { closingOf, releaseOf } from '../release.js';

/** Who has which group, and what a container maps. */
export const CONTAINER_RULES: ObstacleRules = {
  GROUP_OPEN: {
    evidence: ({ blocker }) => [blocker.message],
    repairs: ({ platform, command }) => {
      const group = groupNamed(platform, command);
      return group === null ? [] : [releaseOf(platform, group)];
    },
    otherwise: 'UNKNOWN',
  },
  IN_CONTAINER: { evidence: ({ blocker }) => [blocker.message], otherwise: 'NOTHING_TO_DO' },
  NOT_IN_CONTAINER: { evidence: ({ blocker }) => [blocker.message], otherwise: 'NOTHING_TO_DO' },
  DEVICE_OPEN: {
    evidence: ({ blocker }) => [blocker.message],
    repairs: ({ platform, command }) => {
      const group = groupNamed(platform, command);
      const container = group && platform.kernel.vfio.containerOf(group);
      return container === null ? [] : [group!.members.flatMap((member) => closingOf(container, member))];
    },
    otherwise: 'UNKNOWN',
  },
  // It is enough to close it, unless its kernel wants the last device of a group out of the container.
  DEVICE_IN_USE: {
    evidence: ({ blocker }) => [blocker.message],
    repairs: ({ platform, blocker: { subject } }) => {
      const container =
        subject?.kind === 'VfioContainer' ? platform.kernel.vfio.containers.get(subject.number) : null;
      const groups = container?.groups ?? [];
      const members = groups.flatMap((group) => group.members);
      return [
        ...members.map((member) => closingOf(container!, member)),
        ...groups.map((group) => releaseOf(platform, group)),
      ].filter(({ length }) => length > 0);
    },
    otherwise: 'UNKNOWN',
  },
  DEVICE_NOT_OPEN: { evidence: ({ blocker }) => [blocker.message], otherwise: 'NOTHING_TO_DO' },

  IOMMU_SET: {
    evidence: ({ platform, command }) => {
      const container = containerNamed(platform, command);
      return container?.iommu == null
        ? []
        : [`container ${container.number} has type1${container.iommu.v2 ? 'v2' : ''}`];
    },
    // The type goes with the last group.
    repairs: (met) => {
      const container = containerNamed(met.platform, met.command);
      if (container === null || isAsked(met, container)) return [];
      return [container.groups.map((group) => removal(container, group))];
    },
    otherwise: (met) => {
      const container = containerNamed(met.platform, met.command);
      return container !== null && isAsked(met, container) ? 'NOTHING_TO_DO' : 'UNKNOWN';
    },
  },
  NO_SUCH_BACKEND: { otherwise: 'OTHER_ARGUMENTS' },

  NO_IOMMU_SET: {
    evidence: ({ platform, command }) => {
      const container = containerNamed(platform, command);
      return container === null
        ? []
        : [
            `groups of container ${container.number}: ${container.groups.map(({ number }) => number).join(', ') || 'none'}`,
          ];
    },
    repairs: ({ platform, command }) => {
      const container = containerNamed(platform, command);
      const iommuType = VFIO_IOMMU.TYPE1V2;
      return container === null
        ? []
        : [[{ type: 'setContainerIommu', container: container.number, iommuType }]];
    },
    otherwise: 'UNKNOWN',
  },

  APERTURE: {
    evidence: ({ platform, command, blocker }) => [
      blocker.message,
      ...(groupNamed(platform, command)?.members ?? []).flatMap((member) => {
        const unit = functionBehind(member)?.unit ?? null;
        return unit === null ? [] : [`${unit.name} translates ${unit.addressWidth} bits of address`];
      }),
    ],
    repairs: (met) => unmapConflicting(met, isOutside),
    otherwise: 'UNKNOWN',
  },
  RESERVED_REGION: {
    evidence: ({ platform, command }) => {
      const group = groupNamed(platform, command);
      const regions = group === null ? [] : platform.kernel.groupReservedRegions(group);
      return regions.map(({ type, start, last }) => `reserved: ${toHex(start)}-${toHex(last)} ${type}`);
    },
    repairs: (met) => unmapConflicting(met, isReserved),
    otherwise: 'UNKNOWN',
  },
  NO_IOVA_RANGE: { evidence: ({ blocker }) => [blocker.message], otherwise: 'HARDWARE' },
};

function removal(container: VfioContainer, group: IommuGroup): Command {
  return { type: 'removeGroupFromContainer', container: container.number, group: group.number };
}

function isAsked({ command }: Circumstances, { iommu }: VfioContainer): boolean {
  if (command.type !== 'setContainerIommu' || iommu === null || iommu.nesting) return false;
  return command.iommuType === (iommu.v2 ? VFIO_IOMMU.TYPE1V2 : VFIO_IOMMU.TYPE1);
}

type Conflict = (met: Circumstances, dma: VfioDma) => boolean;

/** The first mapping that is in the way of the group; others are met when it is gone. */
function unmapConflicting(met: Circumstances, conflicts: Conflict): Command[][] {
  const container = containerNamed(met.platform, met.command);
  const dma = container?.iommu?.dmas.all().find((each) => conflicts(met, each));
  return container === null || dma === undefined ? [] : [[unmapOf(container.number, dma)]];
}

/** Removes one mapping of a container, as a whole. */
export function unmapOf(container: number, { pfn, pages }: VfioDma): Command {
  return { type: 'vfioUnmapDma', container, iova: u64FromPfn(pfn), size: u64FromPfn(pages), all: false };
}

function isReserved({ platform, command }: Circumstances, dma: VfioDma): boolean {
  const group = groupNamed(platform, command);
  const regions = group === null ? [] : platform.kernel.groupReservedRegions(group);
  return regions.some(
    ({ type, start, last }) =>
      type !== 'DIRECT_RELAXABLE' && dma.pfn <= pfnOf(last) && dma.pfn + dma.pages > pfnOf(start),
  );
}

/** A first-stage address costs one bit more. */
function isOutside({ platform, command }: Circumstances, dma: VfioDma): boolean {
  const units = (groupNamed(platform, command)?.members ?? []).flatMap(
    (member) => functionBehind(member)?.unit ?? [],
  );
  const bits = Math.min(
    64,
    ...units.map(({ addressWidth, capabilities }) => addressWidth - (capabilities.FSTS ? 1 : 0)),
  );
  return dma.pfn + dma.pages > 2 ** (bits - 12);
}
