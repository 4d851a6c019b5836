import type { KernelError } from '../../../kernel/errno.js';
import type { Command } from '../../command.js';
import type { Circumstances, Obstacle, ObstacleRule, ObstacleRules } from '../obstacle.js';
import { ATTACHMENT_RULES } from './attachments.js';
import { CONTAINER_RULES } from './containers.js';
import { DOMAIN_RULES } from './domains.js';
import { DRIVER_RULES } from './drivers.js';
import { FEATURE_RULES } from './features.js';
import { MAPPING_RULES } from './mappings.js';
import { MDEV_RULES } from './mdev.js';
import { UNIT_RULES } from './units.js';

const RULES: ObstacleRules = {
  ...DRIVER_RULES,
  ...DOMAIN_RULES,
  ...UNIT_RULES,
  ...FEATURE_RULES,
  ...ATTACHMENT_RULES,
  ...MDEV_RULES,
  ...CONTAINER_RULES,
  ...MAPPING_RULES,
};

/** For a code no rule is about. */
const UNRULED: ObstacleRule = { evidence: ({ blocker }) => [blocker.message], otherwise: 'UNKNOWN' };

/** Lists of commands each of which removes a blocker; none when no command does. */
export function repairsOf(met: Circumstances): (readonly Command[])[] {
  const lists = RULES[met.blocker.code]?.repairs?.(met) ?? [];
  return lists.filter(({ length }) => length > 0);
}

/** A blocker with its evidence and what mends it. */
export function obstacleOf(met: Circumstances): Obstacle {
  const { blocker, refusal } = met;
  const rule = RULES[blocker.code] ?? UNRULED;
  const [repair = []] = repairsOf(met);
  const otherwise = typeof rule.otherwise === 'string' ? rule.otherwise : rule.otherwise(met);
  const said = refusal === null ? [] : [`${refusal.mirrors}() returns -${refusal.errno}: ${refusal.message}`];
  const advice = repair.length > 0 ? null : (rule.remedy?.(met) ?? null);
  return {
    ...blocker,
    remedy: blocker.remedy ?? advice,
    evidence: [...new Set([...(rule.evidence?.(met) ?? []), ...said])],
    mendedBy: repair.length > 0 ? 'COMMANDS' : otherwise,
    repair,
  };
}

/** Everything a refusal of the kernel names; a refusal that names nothing stands for itself. */
export function blockersOf(refusal: KernelError) {
  if (refusal.blockers.length > 0) return refusal.blockers;
  const code = refusal.errno === 'ENOMEM' ? 'NO_MEMORY' : 'REFUSED';
  return [{ code, message: refusal.message, subject: null, remedy: null }];
}
