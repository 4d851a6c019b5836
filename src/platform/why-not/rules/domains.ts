import { isVfioDevice } from '../../../kernel/vfio/viability.js';
import type { Command } from '../../command.js';
import { endpointsNamed, groupNamed } from '../named.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';
import { endingOf, releaseOf } from '../release.js';

/** Who has a group or a domain, and what kind of domain there is. */
export const DOMAIN_RULES: ObstacleRules = {
  GROUP_BUSY: {
    evidence: ({ platform, command }) => {
      const group = groupNamed(platform, command);
      if (group === null) return [];
      const container = platform.kernel.vfio.containerOf(group);
      return [
        `domain of group ${group.number}: ${group.domain?.number ?? 'none'}, default domain: ${group.defaultDomain?.number ?? 'none'}`,
        ...(container === null ? [] : [`container of group ${group.number}: ${container.number}`]),
      ];
    },
    repairs: ({ platform, command }) => {
      const group = groupNamed(platform, command);
      return group === null ? [] : [releaseOf(platform, group)];
    },
    otherwise: 'UNKNOWN',
  },

  GROUP_SHARED: {
    evidence: ({ platform, command }) => {
      const group = groupNamed(platform, command);
      const reasons = group?.because.map(({ explanation }) => explanation) ?? [];
      return group === null
        ? []
        : [`members of group ${group.number}: ${namesOf(group.members)}`, ...reasons];
    },
    otherwise: 'OTHER_ARGUMENTS',
  },

  NO_GROUP: {
    evidence: ({ blocker }) => [blocker.message],
    // A container without a group is a matter of commands; an endpoint without one never gets one.
    repairs: addableGroups,
    otherwise: ({ blocker }) => (blocker.subject?.kind === 'VfioContainer' ? 'OTHER_ARGUMENTS' : 'HARDWARE'),
    remedy: ({ blocker }) =>
      blocker.subject?.kind === 'VfioContainer'
        ? 'No group has a VFIO driver: say which one, by binding it.'
        : 'No unit covers it, so nothing isolates it.',
  },

  DOMAIN_IN_USE: {
    evidence: ({ platform, command }) => {
      const domain = command.type === 'freeDomain' ? platform.kernel.domains.get(command.domain) : undefined;
      return (domain?.attachments ?? [])
        .filter(({ leaked }) => !leaked)
        .map(
          ({ endpoint, kind, pasid }) =>
            `attached to ${endpoint.name}: ${kind}${pasid === null ? '' : `, PASID ${pasid}`}`,
        );
    },
    repairs: domainReleases,
    otherwise: 'NOTHING_TO_DO',
    remedy: () =>
      'It is the kernel’s own: it frees the domain when the group or the container is done with it.',
  },

  NOT_ATTACHED: {
    evidence: ({ blocker }) => [blocker.message],
    otherwise: 'NOTHING_TO_DO',
    remedy: () => 'Nothing is to be detached.',
  },

  DOMAIN_TYPE: { evidence: ({ blocker }) => [blocker.message], otherwise: 'OTHER_ARGUMENTS' },
  OTHER_OPERATIONS: { evidence: ({ blocker }) => [blocker.message], otherwise: 'OTHER_ARGUMENTS' },
  NO_BUS_OPS: {
    evidence: ({ platform: { kernel } }) => [kernel.scalableModeReason],
    otherwise: 'ANOTHER_BOOT',
  },

  READ_ONLY: {
    evidence: ({ platform: { kernel } }) => [`kernel profile: ${kernel.config.profile}`],
    otherwise: 'ANOTHER_BOOT',
    remedy: () => 'Kernels from 5.11 on can change the type of a group (profile V5_15).',
  },
  GROUP_TYPE: { evidence: ({ blocker }) => [blocker.message], otherwise: 'OTHER_ARGUMENTS' },
  NO_DEFAULT_DOMAIN: {
    evidence: ({ platform, command }) =>
      endpointsNamed(platform, command).map(({ name, bus }) => `${name} is on the ${bus.name} bus`),
    otherwise: 'OTHER_ARGUMENTS',
  },
};

function namesOf(members: readonly { readonly name: string }[]): string {
  return members.map(({ name }) => name).join(', ');
}

/** Groups a user could put into a container right away. */
function addableGroups({ platform, blocker }: Circumstances): Command[][] {
  if (blocker.subject?.kind !== 'VfioContainer') return [];
  const { number: container } = blocker.subject;
  return [...platform.kernel.groups.values()]
    .filter((group) => platform.kernel.vfio.containerOf(group) === null)
    .filter(({ members }) => members.some(isVfioDevice))
    .map(({ number: group }) => [{ type: 'addGroupToContainer', container, group }]);
}

/** Everybody who was given the domain has to lose it. What the kernel itself uses it for never ends. */
function domainReleases({ platform, command }: Circumstances): Command[][] {
  if (command.type !== 'freeDomain') return [];
  const { kernel } = platform;
  const domain = kernel.domains.get(command.domain);
  if (domain === undefined) return [];
  const groups = [...kernel.groups.values()];
  const isKernels = groups.some((group) => group.defaultDomain === domain || group.blockingDomain === domain);
  if (isKernels) return [];
  const group = groups.find((each) => each.domain === domain);
  if (group !== undefined) return kernel.vfio.containerOf(group) === null ? [releaseOf(platform, group)] : [];
  const live = domain.attachments.find(({ leaked }) => !leaked);
  return live === undefined ? [] : [endingOf(platform, live)];
}
