import type { Blocker } from '../../../kernel/errno.js';
import type { Command } from '../../command.js';
import type { Platform } from '../../platform.js';
import { standingAttach } from './attach.js';
import { standingAddGroup, standingSetIommu } from './containers.js';
import { standingBindDriver, standingEnableFeature, standingGroupType } from './devices.js';
import { standingFreeDomain, standingMap, standingVfioMap } from './domains.js';
import { standingCreateMdev, standingCreateSoftwareMdev } from './mdev.js';
import type { StandingRule } from './standing.js';

const RULES: { readonly [T in Command['type']]?: StandingRule<T> } = {
  attach: standingAttach,
  addGroupToContainer: standingAddGroup,
  setContainerIommu: standingSetIommu,
  createMdev: standingCreateMdev,
  createSoftwareMdev: standingCreateSoftwareMdev,
  enableFeature: standingEnableFeature,
  bindDriver: standingBindDriver,
  setGroupType: standingGroupType,
  freeDomain: standingFreeDomain,
  map: standingMap,
  vfioMapDma: standingVfioMap,
};

/** What would refuse a command, found by looking at the platform only. */
export function standingBlockers(platform: Platform, command: Command): Blocker[] {
  const rule = RULES[command.type] as StandingRule<Command['type']> | undefined;
  return rule === undefined ? [] : [...rule(platform, command)];
}
