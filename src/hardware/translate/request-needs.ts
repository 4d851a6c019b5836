import { NEED_WRITE } from './second-stage-walk.js';
import type { Rules } from './rules.js';
import { REQUEST_KIND, type Walk } from './walk.js';

/** Of the second pair of words of a PASID entry. */
const PWSNP = 1 << 23;

/**
 * Permissions the walk must find. A translation request takes what there is; a zero-length read, where the
 * unit has ZLR, is content with write permission.
 */
export function needOf(walk: Walk, rules: Rules): number {
  if (walk.kind === REQUEST_KIND.TRANSLATION) return 0;
  return walk.zeroLength && rules.ZLR ? 0 : walk.access;
}

/** A write sets the dirty bit; so does a translation request, unless it says it will not write. */
export function setsDirty(walk: Walk, rules: Rules): boolean {
  return walk.kind === REQUEST_KIND.TRANSLATION
    ? !(walk.noWrite && rules.NWFS)
    : (walk.access & NEED_WRITE) !== 0;
}

/** Without snooped page walks no accessed or dirty bit can be set. */
export function walksAreSnooped(walk: Walk, rules: Rules): boolean {
  return rules.SMPWCS && (walk.pasidWords[walk.pasidAt + 2] & PWSNP) !== 0;
}

/** The same permissions whoever asks, where tables know no privilege. */
export function flagsOf(walk: Walk, permissions: number): number {
  const isPrivilegedOnly = walk.privileged && !walk.hasPasid;
  const privileged = admitsPrivileged(walk) || isPrivilegedOnly ? permissions << 2 : 0;
  return permissions | privileged;
}

/** SRE. Legacy mode has no privilege. */
export function admitsPrivileged(walk: Walk): boolean {
  return walk.type !== 0 && (walk.pasidWords[walk.pasidAt + 4] & 1) !== 0;
}
