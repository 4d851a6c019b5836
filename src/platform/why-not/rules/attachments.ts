import { pfnOf, u64FromPfn } from '../../../bits/u64.js';
import type { Attachment } from '../../../kernel/iommu/attachment.js';
import type { KernelDevice } from '../../../kernel/device/kernel-device.js';
import type { Command } from '../../command.js';
import type { Platform } from '../../platform.js';
import { deviceNamed, endpointsNamed, functionBehind } from '../named.js';
import type { Circumstances, ObstacleRules } from '../obstacle.js';
import { detachFrom, endingOf } from '../release.js';

/** Of many that could make room, so many are tried. */
const MOST_CANDIDATES = 8;

/** What an attachment needs that others may have: ids, PASIDs, levels of tables. */
export const ATTACHMENT_RULES: ObstacleRules = {
  NO_FREE_DOMAIN_IDS: {
    evidence: ({ platform: { kernel }, blocker }) =>
      kernel.units
        .filter(({ name }) => blocker.subject?.kind === 'IommuUnit' && name === blocker.subject.name)
        .map(
          ({ name, domainIdsSupported, domainIdsUsed, capabilities: { ND } }) =>
            `${name}: CAP.ND is ${ND}, so ${domainIdsSupported} ids, ${domainIdsUsed} used`,
        ),
    repairs: ({ platform, blocker }) =>
      endings(platform, ({ unit, domain }) => {
        const isThere = blocker.subject?.kind === 'IommuUnit' && unit.name === blocker.subject.name;
        return isThere && domain.domainIds.get(unit)?.users === 1;
      }),
    otherwise: 'HARDWARE',
  },

  NO_FREE_PASID: {
    evidence: (met) => {
      const device = parentOf(met);
      if (device === null) return [];
      const { pasid } = device.fn.physicalFunction ?? device.fn;
      return [
        `PASID capability of ${device.name}: ${pasid === null ? 'absent' : `width ${pasid.maxWidth} bits`}`,
        `attachments of ${device.name} with a PASID: ${device.attachments.filter((each) => each.pasid !== null).length}`,
      ];
    },
    // A PASID belongs to a domain on all parents at once.
    repairs: ({ platform }) =>
      endings(
        platform,
        ({ pasid, domain }) =>
          pasid !== null && domain.attachments.filter((each) => each.pasid !== null).length === 1,
      ),
    otherwise: 'HARDWARE',
  },

  PASID_IN_USE: {
    evidence: ({ blocker }) => [blocker.message],
    repairs: (met) => {
      const { subject } = met.blocker;
      const holder = parentOf(met)?.attachments.find(
        ({ domain, pasid }) =>
          pasid !== null && subject?.kind === 'Domain' && domain.number === subject.number,
      );
      return holder === undefined ? [] : [endingOf(met.platform, holder)];
    },
    otherwise: 'UNKNOWN',
  },

  SUBDEVICE_ATTACHED: {
    evidence: ({ blocker }) => [blocker.message],
    repairs: ({ platform, command }) =>
      endpointsNamed(platform, command).flatMap((endpoint) =>
        (functionBehind(endpoint)?.attachments ?? [])
          .filter((each) => each.endpoint === endpoint && !each.leaked)
          .map((each) => endingOf(platform, each)),
      ),
    otherwise: 'UNKNOWN',
  },

  PASID_BEYOND_TABLE: { evidence: ({ blocker }) => [blocker.message], otherwise: 'UNKNOWN' },

  ADDRESS_WIDTH: {
    evidence: ({ platform, command, blocker: { message } }) => [
      message,
      ...endpointsNamed(platform, command).flatMap((endpoint) => {
        const unit = functionBehind(endpoint)?.unit ?? null;
        if (unit === null) return [];
        const { SAGAW, maxGuestAddressWidth } = unit.capabilities;
        return [`${unit.name}: CAP.SAGAW is 0x${SAGAW.toString(16)}, CAP.MGAW ${maxGuestAddressWidth} bits`];
      }),
    ],
    repairs: unmapAbove,
    otherwise: 'OTHER_ARGUMENTS',
    remedy: ({ command }) => (command.type === 'map' ? null : 'Use another domain.'),
  },

  UNSAFE: {
    evidence: ({ refusal }) =>
      refusal === null ? [] : [`${refusal.mirrors}() of this kernel does not check for it`],
    repairs: (met) => SAFE_AGAIN[harmOf(met)]?.(met) ?? [],
    otherwise: ({ command }) =>
      command.type === 'map' || command.type === 'unmap' ? 'OTHER_ARGUMENTS' : 'UNKNOWN',
  },

  NO_PCI_PARENT: { evidence: ({ blocker }) => [blocker.message], otherwise: 'ANOTHER_BOOT' },
};

/** The function that would do it; binding a driver beside a user is the only one foreseen. */
function harmOf({ refusal, command }: Circumstances): string {
  return refusal?.mirrors ?? (command.type === 'bindDriver' ? 'vfio_group_nb_verify' : '');
}

/** By the kernel function that would do harm. */
const SAFE_AGAIN: Readonly<Record<string, (met: Circumstances) => readonly (readonly Command[])[]>> = {
  vfio_group_nb_verify: ({ platform, command }) => {
    const group = deviceNamed(platform, null, command)?.group ?? null;
    const container = group === null ? null : platform.kernel.vfio.containerOf(group);
    if (group === null || container === null) return [];
    return [[{ type: 'removeGroupFromContainer', container: container.number, group: group.number }]];
  },
  // A domain is an auxiliary one of the parent already, or another has its PASID there.
  auxiliary_link_device: endAuxiliaries,
  aux_domain_add_dev: endAuxiliaries,
  auxiliary_unlink_device: (met) => {
    const parent = parentOf(met);
    return parent === null ? [] : [[{ type: 'disableFeature', device: parent.name, feature: 'AUX' }]];
  },
  // Somebody else was given a domain that would go.
  iommu_domain_free: ({ platform: { kernel }, command }) => {
    const group =
      command.type === 'setGroupType'
        ? kernel.groups.get(command.group)
        : 'device' in command
          ? kernel.devices.get(command.device)?.group
          : null;
    const container = 'container' in command ? kernel.vfio.containers.get(command.container) : undefined;
    const domains = [
      ...(container?.iommu?.domains ?? []).map(({ domain }) => domain),
      ...[group?.defaultDomain ?? []].flat(),
    ];
    return domains
      .flatMap(({ attachments }) => attachments)
      .filter(({ leaked }) => !leaked)
      .slice(0, MOST_CANDIDATES)
      .map(({ domain, endpoint, device, kind }) =>
        kind === 'AUX' && !device.info?.auxEnabled
          ? [{ type: 'enableFeature', device: device.name, feature: 'AUX' }]
          : detachFrom(domain, endpoint),
      );
  },
  prepare_domain_attach_device: ({ platform, command }) => {
    const domain = command.type === 'attach' ? platform.kernel.domains.get(command.domain) : undefined;
    const live = domain?.attachments.find(({ leaked }) => !leaked);
    return live === undefined ? [] : [endingOf(platform, live)];
  },
  __domain_mapping: ({ platform, command }) => {
    if (command.type !== 'map') return [];
    const [first, last] = pagesOf(command);
    const large = platform.kernel.domains.get(command.domain)?.table.leaves(first, last) ?? [];
    for (const { pfn, pages } of large) {
      if (pages === 1) continue;
      const { domain } = command;
      return [[{ type: 'unmap', domain, iova: u64FromPfn(pfn), size: u64FromPfn(pages) }]];
    }
    return [];
  },
};

function parentOf({ platform, command, blocker }: Circumstances): KernelDevice | null {
  const named = deviceNamed(platform, blocker.subject, command);
  if (named !== null) return named;
  const [endpoint] = endpointsNamed(platform, command);
  if (endpoint !== undefined) return functionBehind(endpoint);
  if (command.type !== 'detach' || command.target.kind === 'Group') return null;
  const subdevice = platform.kernel.subdevices.get(command.target.name);
  return subdevice?.parent ?? null;
}

/** Commands that end one of the attachments asked for, each alone. */
function endings(platform: Platform, isWanted: (attachment: Attachment) => boolean): Command[][] {
  const found: Command[][] = [];
  for (const domain of platform.kernel.domains.values()) {
    const attachment = domain.attachments.find((each) => !each.leaked && isWanted(each));
    if (attachment === undefined) continue;
    const ending = endingOf(platform, attachment);
    if (ending.length > 0) found.push(ending);
    if (found.length === MOST_CANDIDATES) break;
  }
  return found;
}

function endAuxiliaries(met: Circumstances): Command[][] {
  const live = parentOf(met)?.attachments.filter(({ kind, leaked }) => kind === 'AUX' && !leaked) ?? [];
  return live.map((attachment) => endingOf(met.platform, attachment)).filter(({ length }) => length > 0);
}

/**
 * The driver remembers the end of the highest mapping, and lowers its mark only to the start of a chunk that
 * ended there. So unmapping helps only where the mappings reach from there down without a hole.
 */
function unmapAbove({ platform, command }: Circumstances): Command[][] {
  if (command.type !== 'attach') return [];
  const domain = platform.kernel.domains.get(command.domain);
  const widths = endpointsNamed(platform, command).flatMap(
    (each) => functionBehind(each)?.unit?.addressWidth ?? [],
  );
  if (domain === undefined || widths.length === 0) return [];
  const limit = 2 ** (Math.min(...widths) - 12);
  const mark = domain.highestMappedEnd;
  const leaves = [...domain.table.leaves(limit, mark)];
  const top = leaves.at(-1);
  const isWhole = leaves.reduce((sum, { pages }) => sum + pages, 0) === mark - limit;
  if (top === undefined || leaves[0].pfn !== limit || !isWhole) return [];
  return [limit, top.pfn].map((pfn) => [
    { type: 'unmap', domain: domain.number, iova: u64FromPfn(pfn), size: u64FromPfn(mark - pfn) },
  ]);
}

function pagesOf({ iova, size }: Extract<Command, { type: 'map' }>): readonly [number, number] {
  const first = pfnOf(iova);
  return [first, first + Math.max(1, pfnOf(size)) - 1];
}
